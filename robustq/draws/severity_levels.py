"""Finds the levels at which a perturbation leaves a given image quality (docs/definitions.md, Severity)."""

import math
from collections.abc import Callable
from typing import NamedTuple

from robustq.dataset import Case
from robustq.draws.perturbed import Perturber
from robustq.draws.quality import noise_levels, quality
from robustq.errors import RequestError
from robustq.request.draws import FIRST
from robustq.request.severity import DOSE, Severity

STEPS = 24
"""Bisections of 0 to 100: the level is found to 6·10⁻⁶ %."""

CLOSE = {"ssim": 1e-4, "psnr": 1e-3, "snr": 1e-3}
"""A mean quality so close to the target ends the search."""


class Found(NamedTuple):
    """What the search for one target found.

    Attributes:
        level: percent; None if the target is out of reach.
        reached: the mean quality of the first draws there, or at level 100 where the target is out of reach; None for a
            dose.
    """

    level: float | None
    reached: float | None


def severity_levels(severity: Severity, perturber: Perturber, case: Case, perturbation: str) -> dict[str, Found]:
    """For each target by its name, the level of a case under a perturbation.

    Args:
        severity: the targets.
        perturber: makes the draws of the run.
        case: a prepared case.
        perturbation: name of a perturbation that does not move the truth.

    Raises:
        RequestError: the quality cannot be measured, or the noise of a dose cannot be estimated.
    """
    if severity.quality == DOSE:
        noise = severity.noise or _estimated_noise(case)
        levels = [noise * math.sqrt(1 / dose - 1) for dose in severity.targets]
        of_targets = [Found(level if level <= 100 else None, None) for level in levels]
    else:
        known: dict[float, float] = {}

        def mean_quality(level: float) -> float:
            if level not in known:
                draws = (perturber(case, perturbation, level, number) for number in range(FIRST))
                known[level] = sum(quality(severity.quality, case, draw) for draw in draws) / FIRST
            return known[level]

        of_targets = [_search(mean_quality, target, CLOSE[severity.quality]) for target in severity.targets]
    return dict(zip(severity.names, of_targets, strict=True))


def _search(mean_quality: Callable[[float], float], target: float, close: float) -> Found:
    """The level with the target; of a perturbation that changes in steps, the one whose quality is nearest.

    Args:
        mean_quality: the quality at a level above 0; it falls with the level.
        target: the quality to be found.
        close: a difference that ends the search.
    """
    low, high = 0.0, 100.0
    best, reached = high, mean_quality(high)
    if not reached <= target:
        return Found(None, reached)
    for _ in range(STEPS):
        if abs(reached - target) <= close:
            break
        middle = (low + high) / 2
        value = mean_quality(middle)
        if abs(value - target) < abs(reached - target):
            best, reached = middle, value
        low, high = (middle, high) if value > target else (low, middle)
    return Found(best, reached)


def _estimated_noise(case: Case) -> float:
    """The standard deviation of the noise in percent of the intensity range, the mean over channels."""
    noise = noise_levels(case)
    mean = sum(noise) / len(noise) if noise else 0.0
    if not mean > 0:
        raise RequestError(
            f"the noise of case {case.entry.id} is estimated as {mean:g}, so that no share of the dose adds any: give "
            "the noise of the full dose, in percent of the intensity range, as in dose@2:0.5"
        )
    return mean
