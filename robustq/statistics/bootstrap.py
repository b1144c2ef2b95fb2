"""The expanded percentile bootstrap of a function of means."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, stdtrit

RESAMPLES = 10_000
CONFIDENCE = 0.95

# Indices drawn at once: 8 MB.
_CHUNK = 1_000_000


def bootstrap_interval(
    samples: Float[np.ndarray, "n k"],
    statistic: Callable[[Float[np.ndarray, "r k"]], Float[np.ndarray, " r"]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """The interval of a function of the k means of n samples, which are resampled as rows.

    Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69 (2015), section 5.2:
    the percentile interval is too narrow for small n, so it is taken at the level a'/2 = Φ(-√(n / (n - 1)) t) with
    t the upper a/2 quantile of Student's distribution with n - 1 degrees of freedom.

    Measured coverage of the 95 % interval of a mean, 2000 simulated sets each (tests/test_statistics_coverage.py):

    =============== ====== ====== ====== =======
    distribution    n = 6  n = 10 n = 28 n = 100
    =============== ====== ====== ====== =======
    normal          93.0 % 94.3 % 95.2 % 95.2 %
    lognormal(0, 1) 83.2 % 85.2 % 88.8 % 92.3 %
    =============== ====== ====== ====== =======

    It holds what it promises for differences that are about symmetric, and is too narrow for strongly skewed ones.

    Args:
        samples: one row a group.
        statistic: from resampled means (R, k) to the resampled statistic (R).
        resamples: R.
        seed: equal seeds give equal intervals.
        confidence: nominal coverage.

    Returns:
        Low and high; NaN for fewer than two samples, or where a resampled statistic is not finite.
    """
    n = len(samples)
    if n < 2:
        return math.nan, math.nan
    estimates = statistic(_resampled_means(samples, resamples, seed))
    if not np.isfinite(estimates).all():
        return math.nan, math.nan
    tail = float(ndtr(math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - confidence) / 2)))
    low, high = np.quantile(estimates, [tail, 1 - tail])
    return float(low), float(high)


def _resampled_means(samples: Float[np.ndarray, "n k"], resamples: int, seed: int) -> Float[np.ndarray, "r k"]:
    generator = np.random.default_rng(seed)
    n = len(samples)
    rows = max(1, _CHUNK // n)
    sizes = [min(rows, resamples - start) for start in range(0, resamples, rows)]
    return np.concatenate([samples[generator.integers(n, size=(size, n))].mean(axis=1) for size in sizes])
