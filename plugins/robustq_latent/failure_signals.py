"""The signals of the analyser `failure`: what can be known of an answer without the truth."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from robustq import registry
from robustq.dataset import Case
from robustq.draws.seeds import draw_generator
from robustq.geometry import margins, nearest_codes
from robustq.model.predict import Answers, predict
from robustq.model.segmenter import Segmenter
from robustq.scoring.boundary import near_voxels
from robustq.scoring.comparison import NEAR

NATS = "answer_nats"
"""Name of the nats a token; `nats` is a figure of the analyser `likelihood`."""

SIGNALS = {
    "max_probability": "max probability",
    "entropy": "entropy",
    "agreement": "agreement of draws",
    "distance_over_margin": "code distance over margin",
    NATS: "nats a token",
}
"""Name in the column `metric` -> name in tables, in their order. The first is what the others are compared with."""

UNSURE = ("entropy", "distance_over_margin", NATS)
"""Signals of which a larger value means less confidence."""

EXTRA_DRAWS, EXTRA_LEVEL = 5, 5.0
"""Draws of gaussian noise on top of the image, and their level, whose answers are compared with each other."""

SMALLEST = 1e-7
"""Probabilities are clipped to this and to 1 minus this."""


def answer_to(model: Segmenter, case: Case, batch_size: int) -> Answers:
    """The answer to one case, with its probabilities.

    Args:
        model: a segmenter in evaluation mode.
        case: a prepared case.
        batch_size: number of images, slices or windows in a pass.
    """
    (answers,) = predict(model, case.image[None], batch_size=batch_size, axis=case.slice_axis, with_probabilities=True)
    return answers


def probability_signals(
    masks: Bool[Tensor, "l *s"], probabilities: Float[Tensor, "l *s"], ignored: Bool[Tensor, "*s"] | None
) -> dict[str, float]:
    """Mean entropy and mean largest probability near the answer.

    The voxels are those of any label of the answer and those within 5 voxels of them; all voxels, if the answer is
    empty. Each label is a question of its own, with the probabilities p and 1 - p.

    Args:
        masks: the answer.
        probabilities: its probabilities.
        ignored: voxels that do not count.
    """
    held = masks.any(0).cpu()
    counted = torch.ones_like(held) if ignored is None else ~ignored.cpu()
    near = torch.from_numpy(near_voxels((held & counted).numpy(), NEAR)) & counted
    places = near if near.any() else counted
    p = probabilities.cpu().double()[:, places].clamp(SMALLEST, 1 - SMALLEST)
    entropy = -(p * p.log() + (1 - p) * (1 - p).log())
    return {"max_probability": float(torch.maximum(p, 1 - p).mean()), "entropy": float(entropy.mean())}


def agreement(model: Segmenter, case: Case, draw: int, batch_size: int) -> float:
    """The mean pairwise Dice of the answers to `EXTRA_DRAWS` noisy copies of an image, mean over labels.

    Two answers that both lack a label agree on it: 1. The noise depends on the case and the number of the draw alone,
    so it is the same for every model and level.

    Args:
        model: a segmenter in evaluation mode.
        case: the perturbed case.
        draw: number of the draw that it is.
        batch_size: number of images, slices or windows in a pass.
    """
    gaussian = registry.load("perturbations", "gaussian")()
    numbers = range(draw * EXTRA_DRAWS, (draw + 1) * EXTRA_DRAWS)
    noisy = [
        gaussian(case, EXTRA_LEVEL, draw_generator(0, case.entry.id, "failure", number)).image for number in numbers
    ]
    answers = predict(model, torch.stack(noisy), batch_size=batch_size, axis=case.slice_axis)
    masks = torch.cat([answer.masks.cpu() for answer in answers])
    return pairwise_dice(masks if case.ignored is None else masks & ~case.ignored)


def pairwise_dice(masks: Bool[Tensor, "n l *s"]) -> float:
    """The mean Dice of all pairs of N answers, mean over labels; 1 for a label that both lack."""
    voxels = masks.flatten(2).double()  # (N, L, V)
    sizes = voxels.sum(2)
    scores = []
    for first, second in combinations(range(len(masks)), 2):
        total = sizes[first] + sizes[second]
        shared = 2 * (voxels[first] * voxels[second]).sum(1)
        scores.append(torch.where(total > 0, shared / total.clamp(min=1), 1.0).mean())
    return float(torch.stack(scores).mean())


def distance_over_margin(tokens: Float[Tensor, "p d"], vectors: Float[Tensor, "k d"]) -> float | None:
    """The median over tokens of the distance to the token's code over its exact margin; None where it is infinite.

    Args:
        tokens: embeddings of one image, in the space where the quantiser searches.
        vectors: the codebook.
    """
    codes = nearest_codes(tokens, vectors)
    away = (tokens.double() - vectors[codes].double()).norm(dim=1)
    median = float(np.median((away / margins(tokens, vectors)).cpu().numpy()))
    return median if np.isfinite(median) else None


def confidence(signal: str, values: Sequence[float] | np.ndarray) -> Float[np.ndarray, " n"]:
    """The values of a signal, turned so that a larger one means more confidence."""
    turned: Float[np.ndarray, " n"] = np.asarray(values, float) * (-1 if signal in UNSURE else 1)
    return turned
