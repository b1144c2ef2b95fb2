"""Decides acceptance criteria on bounds, not on means (docs/definitions.md, The gate)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import ndtr, ndtri, stdtr, stdtrit
from scipy.stats import beta, binom

from robustq.errors import RequestError
from robustq.statistics.bootstrap import RESAMPLES, resampled_means

ALPHA = 0.05
"""Probability of a false pass that a single look at a criterion allows."""

MOST_GROUPS = 100_000
"""A larger number of groups than this is not worth naming."""


@dataclass(frozen=True)
class Acceptance:
    """What a sample says of one criterion.

    Attributes:
        groups: number of groups that count.
        estimate: the share, mean, ratio or difference in the sample.
        bound: one-sided bound on the side where the criterion fails; NaN where there is none.
        p_pass: p of the test whose rejection says that the criterion holds; 1 where no test was made.
        p_fail: p of the test whose rejection says that it does not hold; 1 where no test was made.
        needed: number of groups with which the criterion would be passed if the estimate stayed; None if it would not
            be passed with any number, or with more than a hundred thousand.
    """

    groups: int
    estimate: float
    bound: float
    p_pass: float
    p_fail: float
    needed: int | None


def share_reaching(reached: Bool[np.ndarray, " g"], share: float, *, alpha: float = ALPHA) -> Acceptance:
    """Whether at least a share of all patients reaches a value, from the groups of which it is known.

    The bound is Clopper and Pearson's (Biometrika 26, 1934), one-sided, exact for every distribution.

    Args:
        reached: for each group, whether it reached the value.
        share: the share that is asked, above 0 and below 1.
        alpha: probability of a false pass.

    Raises:
        RequestError: the share is out of its range.
    """
    if not 0 < share < 1:
        raise RequestError(f"share={share:g} was asked: give a number above 0 and below 1, such as 0.9")
    groups, successes = len(reached), int(reached.sum())
    if groups == 0:
        return Acceptance(0, math.nan, math.nan, 1.0, 1.0, None)
    return Acceptance(
        groups=groups,
        estimate=successes / groups,
        bound=float(beta.ppf(alpha, successes, groups - successes + 1)) if successes else 0.0,
        p_pass=float(binom.sf(successes - 1, groups, share)),
        p_fail=float(binom.cdf(successes, groups, share)),
        needed=_groups_for_share(successes / groups, share, groups, alpha),
    )


def mean_reaching(
    samples: Float[np.ndarray, "g k"],
    statistic: Callable[[Float[np.ndarray, "r k"]], Float[np.ndarray, " r"]],
    least: float,
    *,
    alpha: float = ALPHA,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Acceptance:
    """Whether a function of means is at least a value, by the expanded percentile bootstrap over groups.

    Args:
        samples: one row for each group.
        statistic: function from means (R, k) to the statistic (R); larger is better.
        least: the value that is asked.
        alpha: probability of a false pass.
        resamples: number of bootstrap resamples of the groups.
        seed: seed of the resampling.
    """
    groups = len(samples)
    if groups < 2 or not np.isfinite(samples).all():
        estimate = float(statistic(samples.mean(0, keepdims=True))[0]) if groups else math.nan
        return Acceptance(groups, estimate, math.nan, 1.0, 1.0, None)
    estimate = float(statistic(samples.mean(0, keepdims=True))[0])
    resampled = statistic(resampled_means(samples, resamples, seed))
    if not np.isfinite(resampled).all():
        return Acceptance(groups, estimate, math.nan, 1.0, 1.0, None)
    tail = float(ndtr(math.sqrt(groups / (groups - 1)) * stdtrit(groups - 1, alpha)))
    return Acceptance(
        groups=groups,
        estimate=estimate,
        bound=float(np.quantile(resampled, tail)),
        p_pass=_p(resampled <= least, groups),
        p_fail=_p(resampled >= least, groups),
        needed=_groups_for_mean(estimate - least, float(resampled.std()) * math.sqrt(groups), groups, alpha),
    )


def _p(contrary: Bool[np.ndarray, " r"], groups: int) -> float:
    """The p whose bound just touches the value: the expansion of the bootstrap's tail, undone."""
    tail = (1 + int(contrary.sum())) / (1 + len(contrary))
    if tail >= 1:
        return 1.0
    return float(stdtr(groups - 1, ndtri(tail) * math.sqrt((groups - 1) / groups)))


def _groups_for_share(rate: float, share: float, groups: int, alpha: float) -> int | None:
    if rate <= share:
        return None
    low, high = groups, groups
    while not _passes(rate, share, high, alpha):
        low, high = high, 2 * high
        if high > MOST_GROUPS:
            return None
    # The number of successes is rounded down, so passing is not quite monotone: the smallest is looked for one by one
    # near the end.
    while high - low > 200:
        middle = (low + high) // 2
        low, high = (low, middle) if _passes(rate, share, middle, alpha) else (middle, high)
    return next(number for number in range(low, high + 1) if _passes(rate, share, number, alpha))


def _passes(rate: float, share: float, groups: int, alpha: float) -> bool:
    return bool(binom.sf(math.floor(rate * groups + 1e-9) - 1, groups, share) <= alpha)


def _groups_for_mean(excess: float, deviation: float, groups: int, alpha: float) -> int | None:
    if excess <= 0:
        return None
    needed = math.ceil((ndtri(1 - alpha) * deviation / excess) ** 2)
    return None if needed > MOST_GROUPS else max(groups, needed, 2)
