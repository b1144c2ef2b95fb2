"""What a model loses from one domain to another (docs/definitions.md, Drop across domains)."""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from robustq.statistics.bootstrap import CONFIDENCE, RESAMPLES, bootstrap_ends, resampled_means
from robustq.statistics.paired_tests import Interval

Values = Float[np.ndarray, " _"]


def domain_drop(first: Values, second: Values, *, resamples: int = RESAMPLES) -> Interval:
    """Mean of `first` minus mean of `second`, whose groups (patients) are not the same.

    The groups of both domains are resampled apart; the ends of the interval are expanded as those of
    `bootstrap_interval`, for the smaller of the two samples.

    Args:
        first: one value for each group of the first domain; NaN values are left out.
        second: likewise, of the second domain.
        resamples: number of bootstrap resamples.

    Returns:
        The difference and its interval, with the groups of both domains counted; no estimate if a value is infinite or
        a domain has no group, no interval if a domain has fewer than two.
    """
    first, second = first[~np.isnan(first)], second[~np.isnan(second)]
    groups = len(first) + len(second)
    if not (len(first) and len(second) and np.isfinite(first).all() and np.isfinite(second).all()):
        return Interval(groups, math.nan, math.nan, math.nan)
    estimate = float(first.mean() - second.mean())
    if min(len(first), len(second)) < 2:
        return Interval(groups, estimate, math.nan, math.nan)
    # With one seed for both, groups at the same places would be drawn together.
    estimates = (resampled_means(first[:, None], resamples, 0) - resampled_means(second[:, None], resamples, 1))[:, 0]
    low, high = np.quantile(estimates, bootstrap_ends(min(len(first), len(second)), CONFIDENCE))
    return Interval(groups, estimate, float(low), float(high))


def drop_difference(
    model: tuple[Mapping[str, float], Mapping[str, float]],
    baseline: tuple[Mapping[str, float], Mapping[str, float]],
) -> Interval:
    """The drop of a model from the first domain to the second, minus that of a baseline.

    Args:
        model: for each of the two domains, the value of each group.
        baseline: likewise, of the baseline; only groups that both have count, so the drops are paired in each domain.
    """
    first, second = (
        np.array([of_model[group] - of_baseline[group] for group in of_model if group in of_baseline])
        for of_model, of_baseline in zip(model, baseline, strict=True)
    )
    return domain_drop(first, second)
