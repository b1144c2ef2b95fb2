"""Two models on the same groups: interval, test and correction (docs/definitions.md, Comparing two models)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import wilcoxon

from robustq.errors import RequestError
from robustq.statistics.bootstrap import CONFIDENCE, RESAMPLES, bootstrap_interval

FEWEST = 6
"""Groups below which no p-value is given: with five the smallest possible one is 2/2^5 = 0.0625."""

INFINITE = "infinite distances: no test and no difference, medians instead (a missed structure is infinitely far)"
"""Why there is no test where a missed structure counts as infinitely far."""

Values = Float[np.ndarray, " _"]


@dataclass(frozen=True)
class Interval:
    """An estimate from paired groups.

    Attributes:
        groups: pairs that have a value on both sides.
        estimate: NaN where there is none.
        low: lower end of the interval, NaN where there is none.
        high: upper end.
    """

    groups: int
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class SignedRank:
    """The outcome of a Wilcoxon signed-rank test.

    Attributes:
        p: two-sided; NaN where no test was made.
        reason: why none was made, in one sentence; "" if one was.
    """

    p: float
    reason: str = ""


def paired_difference(
    first: Values, second: Values, *, resamples: int = RESAMPLES, seed: int = 0, confidence: float = CONFIDENCE
) -> Interval:
    """Mean of first - second over the groups, with its bootstrap interval.

    Args:
        first: one value a group, NaN where there is none.
        second: of the same groups in the same order.
        resamples: bootstrap resamples of the groups.
        seed: of the resampling.
        confidence: nominal coverage of the interval.

    Returns:
        No estimate where a value is infinite, no interval for fewer than two groups.

    Raises:
        RequestError: the numbers of groups differ.
    """
    first, second = _valid_pairs(first, second)
    if len(first) == 0 or not _finite(first, second):
        return Interval(len(first), np.nan, np.nan, np.nan)
    differences = first - second
    low, high = bootstrap_interval(
        differences[:, None], lambda means: means[:, 0], resamples=resamples, seed=seed, confidence=confidence
    )
    return Interval(len(first), float(differences.mean()), low, high)


def paired_ratio(
    first: Values, second: Values, *, resamples: int = RESAMPLES, seed: int = 0, confidence: float = CONFIDENCE
) -> Interval:
    """Mean of first / mean of second, resampled as a ratio of means; arguments as `paired_difference`.

    With a model's values at a level and at level 0 it is the retention with its interval.

    Returns:
        As `paired_difference`; no estimate where the mean of `second` is 0, no interval where a resampled one is.
    """
    first, second = _valid_pairs(first, second)
    if len(first) == 0 or not _finite(first, second) or second.mean() == 0:
        return Interval(len(first), np.nan, np.nan, np.nan)
    low, high = bootstrap_interval(
        np.stack([first, second], axis=1), _ratio, resamples=resamples, seed=seed, confidence=confidence
    )
    return Interval(len(first), float(first.mean() / second.mean()), low, high)


def signed_rank(first: Values, second: Values) -> SignedRank:
    """The two-sided Wilcoxon signed-rank test as scipy makes it, zero differences left out; all zero: p = 1.

    Args:
        first: as `paired_difference`.
        second: as `paired_difference`.

    Raises:
        RequestError: the numbers of groups differ.
    """
    first, second = _valid_pairs(first, second)
    groups = len(first)
    if groups < FEWEST:
        counted = f"{groups} group{'' if groups == 1 else 's'}"
        floor = min(1.0, 2 / 2**groups)
        return SignedRank(np.nan, f"{counted}: too few for a test, whose p could not fall below {floor:.3g}")
    if not _finite(first, second):
        return SignedRank(np.nan, INFINITE)
    # Means of floats differ in their last bits, which must neither make nor break a tie of ranks.
    differences = np.round(first - second, 12 - _magnitude(first - second))
    if not differences.any():
        return SignedRank(1.0)
    return SignedRank(float(wilcoxon(differences, zero_method="wilcox").pvalue))


def holm(p: Values) -> Values:
    """The p-values of one family corrected by Holm's step-down method.

    A test that was not made (NaN) stays NaN, and counts in the size of the family: leaving it out would make the
    others look better for its absence.
    """
    order = np.argsort(p, kind="stable")  # NaN last
    factors = len(p) - np.arange(len(p))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * factors))
    return corrected


def _magnitude(values: Values) -> int:
    largest = float(np.abs(values).max(initial=0.0))
    return int(np.floor(np.log10(largest))) if largest > 0 else 0


def smallest_attainable_p(groups: int, tests: int) -> float:
    """The smallest Holm-corrected p that so many groups can give in a family of so many tests: tests · 2 / 2^groups.

    Groups without a difference do not count.
    """
    return min(1.0, tests * 2.0 ** (1 - groups))


def _valid_pairs(first: Values, second: Values) -> tuple[Values, Values]:
    if len(first) != len(second):
        raise RequestError(f"{len(first)} values cannot be paired with {len(second)}: give one a group on both sides")
    valid = ~(np.isnan(first) | np.isnan(second))
    return first[valid], second[valid]


def _finite(first: Values, second: Values) -> bool:
    return bool(np.isfinite(first).all() and np.isfinite(second).all())


def _ratio(means: Float[np.ndarray, "r 2"]) -> Float[np.ndarray, " r"]:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: Float[np.ndarray, " r"] = means[:, 0] / means[:, 1]
    return ratios
