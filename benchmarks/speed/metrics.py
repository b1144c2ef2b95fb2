"""How long do HD95 and ASSD take, compared with MONAI's two functions on the same masks?

A stress run compares one truth with hundreds of predictions. Here 20 predictions of one case are scored label by label,
by robustq and MONAI in turn, several times, on one thread. The medians and their ratio are printed.

    .venv/bin/python benchmarks/speed/metrics.py
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter

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


def ours(predictions: list[np.ndarray], truth: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    truths = [Truth(mask, spacing, "mm") for mask in truth]
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


def seconds(run: Callable[[], np.ndarray]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def main() -> None:
    warnings.filterwarnings("ignore", message=".*always_return_as_numpy.*", category=FutureWarning)
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    table = Table(title=f"HD95 + ASSD, {PREDICTIONS} predictions of one case, median of {REPETITIONS}")
    for heading in ("image", "labels", "mean Dice", "robustq (s)", "MONAI (s)", "ratio", "largest difference"):
        table.add_column(heading, justify="right")
    for shape, labels, spacing in CASES:
        inside = organs(shape, labels, generator)
        truth = inside > 0
        # From nearly right to poor, as under growing noise.
        predictions = [
            np.stack([field + ripple(shape, 3, 0.5 + 0.1 * step, generator) for field in inside]) > 0
            for step in range(PREDICTIONS)
        ]
        dice = np.mean([2 * (p & truth).sum() / (p.sum() + truth.sum()) for p in predictions])
        runs = [lambda p=predictions, t=truth, s=spacing, f=f: f(p, t, s) for f in (ours, monai)]
        difference = np.abs(runs[0]() / runs[1]() - 1).max()
        times = [[seconds(run) for run in runs] for _ in range(REPETITIONS)]
        our_time, monai_time = (statistics.median(column) for column in zip(*times, strict=True))
        table.add_row(
            " × ".join(map(str, shape)),
            str(labels),
            f"{dice:.2f}",
            f"{our_time:.3f}",
            f"{monai_time:.3f}",
            f"{monai_time / our_time:.1f}",
            f"{difference:.1e}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
