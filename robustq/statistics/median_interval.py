"""The exact interval of a median from order statistics (docs/definitions.md, Minimal levels)."""

import math

import numpy as np
from jaxtyping import Float
from scipy.stats import binom

from robustq.statistics.bootstrap import CONFIDENCE


def median_interval(values: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """[x_(r), x_(n+1-r)] of the sorted values, with the largest r for which P(Bin(n, ½) < r) is at most half the rest.

    It covers the median in at least 95 % of samples, whatever the distribution. A value that is only known to be large
    can be infinite: the interval depends on the order alone.

    Args:
        values: one value for each group, none of them NaN.

    Returns:
        Both ends; NaN where r would be 0, as for fewer than six values.
    """
    n = len(values)
    # The smallest k with P(Bin ≤ k) ≥ rest/2; so P(Bin < k) is below it. No binomial sum is equal to it.
    rank = int(binom.ppf((1 - CONFIDENCE) / 2, n, 0.5))
    if rank < 1:
        return math.nan, math.nan
    ordered = np.sort(values)
    return float(ordered[rank - 1]), float(ordered[n - rank])
