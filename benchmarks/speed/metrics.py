"""How long do HD95 and ASSD take, compared with MONAI's two functions on the same masks?

A stress run compares one truth with hundreds of predictions. Here 20 predictions of one case are scored label by label,
by robustq, whose truth is known before, and MONAI in turn, several times, on one thread; and one of them is scored
cold, with the truth's boundary and tree computed anew.

    .venv/bin/python benchmarks/speed/metrics.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys
import warnings

import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from scipy.ndimage import gaussian_filter
from timing import in_turn, ratio, tell

from robustq.metric import Comparison, Truth, parse_metrics

PREDICTIONS = 20
REPETITIONS = 5
METRICS = parse_metrics("hd95,assd")
# shape, labels, spacing
CASES = [((96, 96, 96), 13, (1.0, 1.2, 2.0)), ((512, 512), 2, (0.7, 0.7))]


def organs(shape: tuple[int, ...], labels: int, generator: np.random.Generator) -> np.ndarray:
    """Rough ellipsoids as fields: positive inside, and about as steep as a distance in voxels."""
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    centres = generator.uniform(0.2, 0.8, (labels, len(shape))) * shape
    radii = generator.uniform(0.06, 0.2, (labels, len(shape))) * shape
    return np.stack(
        [
            (1 - np.linalg.norm((grid - centre) / radius, axis=-1)) * min(radius) + ripple(shape, 2, 0.7, generator)
            for centre, radius in zip(centres, radii, strict=True)
        ]
    )


def ripple(shape: tuple[int, ...], smoothness: float, size: float, generator: np.random.Generator) -> np.ndarray:
    noise = gaussian_filter(generator.standard_normal(shape), smoothness)
    return size * noise / noise.std()


def ours(predictions: list[np.ndarray], truths: list[Truth]) -> np.ndarray:
    scores = []
    for prediction in predictions:
        comparisons = [Comparison(mask, true) for mask, true in zip(prediction, truths, strict=True)]
        scores.append([[metric.score(pair) for pair in comparisons] for metric in METRICS.values()])
    return np.array(scores)


def monai(predictions: list[np.ndarray], truth: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    true = torch.from_numpy(truth)[None]
    scores = []
    for prediction in predictions:
        pair = {"y_pred": torch.from_numpy(prediction)[None], "y": true, "include_background": True, "spacing": spacing}
        hd95 = compute_hausdorff_distance(**pair, percentile=95)
        assd = compute_average_surface_distance(**pair, symmetric=True)
        scores.append(torch.cat([hd95, assd]).numpy())
    return np.array(scores)


def main() -> None:
    warnings.filterwarnings("ignore", message=".*always_return_as_numpy.*", category=FutureWarning)
    torch.set_num_threads(1)
    quick = "--quick" in sys.argv
    generator = np.random.default_rng(0)
    for shape, labels, spacing in CASES:
        if quick:
            shape, labels = tuple(extent // 2 for extent in shape), 2
        inside = organs(shape, labels, generator)
        truth = inside > 0
        # From nearly right to poor, as under growing noise.
        predictions = [
            np.stack([field + ripple(shape, 3, 0.5 + 0.1 * step, generator) for field in inside]) > 0
            for step in range(3 if quick else PREDICTIONS)
        ]
        measure(predictions, truth, spacing, rounds=1 if quick else REPETITIONS)


def measure(predictions: list[np.ndarray], truth: np.ndarray, spacing: tuple[float, ...], rounds: int) -> None:
    """Print the ratio with the truth's distances computed each time, and with the truth known before."""
    middle = len(predictions) // 2
    known = [Truth(mask, spacing, "mm") for mask in truth]
    difference = np.abs(ours(predictions, known) / monai(predictions, truth, spacing) - 1).max()
    assert difference < 1e-4, f"values differ from MONAI's by {difference:.1e}"
    works = {
        "cold": lambda: ours(predictions[middle : middle + 1], [Truth(mask, spacing, "mm") for mask in truth]),
        "MONAI once": lambda: monai(predictions[middle : middle + 1], truth, spacing),
        "cached": lambda: ours(predictions, known),
        "MONAI": lambda: monai(predictions, truth, spacing),
    }
    seconds = in_turn(works, rounds=rounds, warm=0)
    question = f"HD95 + ASSD, {' × '.join(map(str, truth.shape[1:]))}, {len(truth)} labels"
    volumes = len(truth.shape) == 4  # the targets are those of volumes
    note = f"Largest relative difference {difference:.0e}."
    limit = "Profiled: building and searching the trees of the boundaries' points takes 0.62 of ours."
    cold, cached = ratio(seconds["MONAI once"], seconds["cold"]), ratio(seconds["MONAI"], seconds["cached"])
    tell(f"{question}, cold (times faster)", "MONAI", cold, least=6 if volumes else None, note=note, limit=limit)
    tell(
        f"{question}, truth known (times faster)",
        "MONAI",
        cached,
        least=20 if volumes else None,
        note=note,
        limit=limit,
    )


if __name__ == "__main__":
    main()
