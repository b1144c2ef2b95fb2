"""The threshold that keeps the false negative rate of new patients small (docs/definitions.md, Conformal).

Source: Angelopoulos, Bates, Fisch, Lei and Schuster, Conformal risk control, ICLR 2024, theorem 1.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from robustq.dataset import Case
from robustq.shapes import Masks

CaseProbabilities = Sequence[Float[np.ndarray, " _"]]
"""For each label that the truth of a case shows, the probabilities of the label at its true voxels."""

_ROUNDING = 1e-12
"""A rate that is above a bound by less than this is not above it."""


class Rates(NamedTuple):
    """What masks miss, and how large they are; each the mean over the labels that the truth shows.

    Attributes:
        fnr: share of the true voxels that the mask misses.
        volume: number of voxels of the mask, divided by the number of true voxels.
    """

    fnr: float
    volume: float


def split_groups(groups: Iterable[str], seed: int) -> tuple[list[str], list[str]]:
    """The groups to calibrate on, one half at random (the larger one), and the groups to test on."""
    ordered = sorted(set(groups))
    shuffled = [ordered[place] for place in np.random.default_rng(seed).permutation(len(ordered))]
    half = (len(ordered) + 1) // 2
    return sorted(shuffled[:half]), sorted(shuffled[half:])


def fewest_groups(fnr: float) -> int:
    """The smallest number n of groups with which any threshold can promise the rate: 1 / (n + 1) is at most it."""
    return math.ceil(1 / fnr - 1 - _ROUNDING)


def calibrate(groups: Mapping[str, Sequence[CaseProbabilities]], fnr: float) -> float:
    """The largest threshold t with (n·FNR(t) + 1) / (n + 1) ≤ fnr, for masks p ≥ t and n groups.

    FNR(t) is the mean over groups of the mean over their cases of the mean over labels of the share of true voxels with
    p < t. It changes only at the probabilities themselves, so the threshold is one of them.

    Args:
        groups: the probabilities of every case of each group; a case has a label or more.
        fnr: the promised rate, above 0 and below 1.

    Raises:
        ValueError: there are fewer groups than `fewest_groups`.
    """
    if len(groups) < fewest_groups(fnr):
        raise ValueError(f"{len(groups)} groups are too few for {fnr:g}")
    probabilities, shares = [], []
    for cases in groups.values():
        for labels in cases:
            for values in labels:
                probabilities.append(values)
                shares.append(np.full(len(values), 1 / (len(groups) * len(cases) * len(labels) * len(values))))
    ordered = np.concatenate(probabilities)
    order = np.argsort(ordered, kind="stable")
    missed = np.cumsum(np.concatenate(shares)[order])  # missed once the threshold is above this probability
    allowed = ((len(groups) + 1) * fnr - 1) / len(groups)
    first = int(np.searchsorted(missed, allowed + _ROUNDING, side="right"))
    return float(ordered[order[first]])


def true_probabilities(probabilities: Float[np.ndarray, "l *s"], case: Case) -> CaseProbabilities:
    """The probabilities at the true voxels of each label that the truth shows."""
    truth = case.truth.numpy()
    return [values[mask] for values, mask in zip(probabilities, truth, strict=True) if mask.any()]


def rates(masks: Masks, case: Case) -> Rates | None:
    """What masks miss of a case, and their volume; None where the truth shows no label. Ignored voxels do not count."""
    counted = masks if case.ignored is None else masks & ~case.ignored
    shown = [(answer, truth) for answer, truth in zip(counted, case.truth, strict=True) if truth.any()]
    if not shown:
        return None
    sizes = [int(truth.sum()) for _, truth in shown]
    missed = [1 - int((answer & truth).sum()) / size for (answer, truth), size in zip(shown, sizes, strict=True)]
    volumes = [int(answer.sum()) / size for (answer, _), size in zip(shown, sizes, strict=True)]
    return Rates(float(np.mean(missed)), float(np.mean(volumes)))
