"""Compares two models on the same groups: interval, test and correction (docs/definitions.md, Comparing two models)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import rankdata, wilcoxon

from robustq.errors import RequestError
from robustq.statistics.bootstrap import CONFIDENCE, RESAMPLES, bootstrap_interval, mean_interval

FEWEST = 6
"""Smallest number of groups for a p-value: with five groups the smallest possible p is 2/2^5 = 0.0625."""

INFINITE = (
    "Some distances are infinite, because a missed structure counts as infinitely far away: there is no difference and "
    "no test, and medians are printed instead of means."
)
"""Reason for a missing test where a missed structure counts as infinitely far away."""

Values = Float[np.ndarray, " _"]


@dataclass(frozen=True)
class Interval:
    """An estimate from paired groups, with its interval.

    Attributes:
        groups: number of groups that have a value on both sides.
        estimate: the estimate, NaN where there is none.
        low: lower end of the interval, NaN where there is none.
        high: upper end of the interval, NaN where there is none.
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
        reason: why no test was made, in one sentence; "" if one was made.
        favours: 1 if the ranks of the positive differences (first - second) have the larger sum, -1 if those of the
            negative ones have; 0 if neither, or no test was made.
    """

    p: float
    reason: str = ""
    favours: int = 0


def paired_difference(
    first: Values, second: Values, *, resamples: int = RESAMPLES, seed: int = 0, confidence: float = CONFIDENCE
) -> Interval:
    """Mean of first - second over the groups, with its bootstrap interval.

    Args:
        first: one value for each group, NaN where there is none.
        second: values of the same groups in the same order.
        resamples: number of bootstrap resamples of the groups.
        seed: seed of the resampling.
        confidence: nominal coverage of the interval.

    Returns:
        The mean and its interval; no estimate if a value is infinite, no interval for fewer than two groups.

    Raises:
        RequestError: the numbers of groups differ.
    """
    first, second = _valid_pairs(first, second)
    if len(first) == 0 or not _finite(first, second):
        return Interval(len(first), np.nan, np.nan, np.nan)
    differences = first - second
    low, high = mean_interval(differences, resamples=resamples, seed=seed, confidence=confidence)
    return Interval(len(first), float(differences.mean()), low, high)


def paired_ratio(
    first: Values, second: Values, *, resamples: int = RESAMPLES, seed: int = 0, confidence: float = CONFIDENCE
) -> Interval:
    """Mean of first / mean of second over the groups, with its bootstrap interval; each resample is such a ratio.

    With the values of a model at a level and at level 0, this is the retention with its interval. The arguments are
    those of `paired_difference`.

    Returns:
        As `paired_difference`; no estimate if the mean of `second` is 0, no interval if a resampled mean of it is 0.
    """
    first, second = _valid_pairs(first, second)
    if len(first) == 0 or not _finite(first, second) or second.mean() == 0:
        return Interval(len(first), np.nan, np.nan, np.nan)
    low, high = bootstrap_interval(
        np.stack([first, second], axis=1), _ratio, resamples=resamples, seed=seed, confidence=confidence
    )
    return Interval(len(first), float(first.mean() / second.mean()), low, high)


def signed_rank(first: Values, second: Values) -> SignedRank:
    """The two-sided Wilcoxon signed-rank test of scipy, without zero differences; p = 1 if all are zero.

    Args:
        first: as `paired_difference`.
        second: as `paired_difference`.

    Raises:
        RequestError: the numbers of groups differ.
    """
    first, second = _valid_pairs(first, second)
    groups = len(first)
    if groups < FEWEST:
        counted = "1 group is" if groups == 1 else f"{groups} groups are"
        floor = min(1.0, 2 / 2**groups)
        return SignedRank(np.nan, f"{counted} too few for a test: its p could not fall below {floor:.3g}.")
    if not _finite(first, second):
        return SignedRank(np.nan, INFINITE)
    # Means of floats differ in their last bits: rounding keeps these from making or breaking a tie of ranks.
    differences = np.round(first - second, 12 - _magnitude(first - second))
    if not differences.any():
        return SignedRank(1.0)
    differing = differences[differences != 0]
    favours = int(np.sign((np.sign(differing) * rankdata(np.abs(differing))).sum()))
    return SignedRank(float(wilcoxon(differences, zero_method="wilcox").pvalue), favours=favours)


def holm(p: Values) -> Values:
    """The p-values of one family corrected by Holm's step-down method.

    A test that was not made (NaN) stays NaN but counts in the size of the family: without it, the other p-values would
    be smaller.
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
    """The smallest Holm-corrected p that is possible: tests · 2 / 2^groups, at most 1.

    Args:
        groups: number of groups whose difference is not zero.
        tests: number of tests in the family.
    """
    return min(1.0, tests * 2.0 ** (1 - groups))


def _valid_pairs(first: Values, second: Values) -> tuple[Values, Values]:
    if len(first) != len(second):
        raise RequestError(
            f"{len(first)} values cannot be paired with {len(second)}: give one for each group on both sides"
        )
    valid = ~(np.isnan(first) | np.isnan(second))
    return first[valid], second[valid]


def _finite(first: Values, second: Values) -> bool:
    return bool(np.isfinite(first).all() and np.isfinite(second).all())


def _ratio(means: Float[np.ndarray, "r 2"]) -> Float[np.ndarray, " r"]:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios: Float[np.ndarray, " r"] = means[:, 0] / means[:, 1]
    return ratios
