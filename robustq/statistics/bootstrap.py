"""The expanded percentile bootstrap interval of a function of means."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, stdtrit

RESAMPLES = 10_000
CONFIDENCE = 0.95

# Largest number of resampled values at once; they take 8 MB.
_CHUNK = 1_000_000


def bootstrap_interval(
    samples: Float[np.ndarray, "n k"],
    statistic: Callable[[Float[np.ndarray, "r k"]], Float[np.ndarray, " r"]],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Bootstrap interval of a function of the k column means; the n rows of `samples` are resampled.

    Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69 (2015), section 5.2:
    for small n the percentile interval is too narrow, so its ends are the quantiles a'/2 and 1 - a'/2, where
    a'/2 = Φ(-√(n / (n - 1)) t) and t is the upper a/2 quantile of Student's distribution with n - 1 degrees of freedom.

    Measured coverage of the 95 % interval of a mean, 2000 simulated sets for each figure
    (tests/statistics/test_bootstrap_coverage.py):

    =============== ====== ====== ====== =======
    distribution    n = 6  n = 10 n = 28 n = 100
    =============== ====== ====== ====== =======
    normal          93.0 % 94.3 % 95.2 % 95.2 %
    lognormal(0, 1) 83.2 % 85.2 % 88.8 % 92.3 %
    =============== ====== ====== ====== =======

    The interval is about right for differences that are nearly symmetric, and too narrow for strongly skewed ones.

    Args:
        samples: one row for each group.
        statistic: function from resampled means (R, k) to the resampled statistic (R).
        resamples: number of resamples, R.
        seed: seed of the resampling; equal seeds give equal intervals.
        confidence: nominal coverage.

    Returns:
        Low and high end of the interval; NaN for fewer than two samples, or where a resampled statistic is not finite.
    """
    n = len(samples)
    if n < 2:
        return math.nan, math.nan
    estimates = statistic(resampled_means(samples, resamples, seed))
    if not np.isfinite(estimates).all():
        return math.nan, math.nan
    low, high = np.quantile(estimates, bootstrap_ends(n, confidence))
    return float(low), float(high)


def mean_interval(
    values: Float[np.ndarray, " n"], *, resamples: int = RESAMPLES, seed: int = 0, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The interval of a mean, from one value for each group; otherwise as `bootstrap_interval`."""
    return bootstrap_interval(
        values[:, None], lambda means: means[:, 0], resamples=resamples, seed=seed, confidence=confidence
    )


def bootstrap_intervals(samples: Float[np.ndarray, "n k"]) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The intervals of k column means, as `bootstrap_interval` gives them one by one, but all from one resampling.

    Args:
        samples: one row for each group; all values are finite.

    Returns:
        Low and high end for each column; NaN for fewer than two samples.
    """
    n, columns = samples.shape
    if n < 2 or columns == 0:
        return np.full(columns, np.nan), np.full(columns, np.nan)
    generator = np.random.default_rng(0)
    step = max(1, _CHUNK // n)
    estimates = np.empty((RESAMPLES, columns))
    for start in range(0, RESAMPLES, step):
        chosen = generator.integers(n, size=(min(step, RESAMPLES - start), n))
        # How often each resample holds each group; a matrix product is much faster than to gather the values.
        times = np.zeros(chosen.shape)
        np.add.at(times, (np.arange(len(chosen))[:, None], chosen), 1)
        estimates[start : start + len(chosen)] = times @ samples / n
    low, high = np.quantile(estimates, bootstrap_ends(n, CONFIDENCE), axis=0)
    return low, high


def bootstrap_ends(n: int, confidence: float) -> tuple[float, float]:
    """The two quantiles of the resampled statistic that are the ends of the interval, for n groups."""
    tail = float(ndtr(math.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - confidence) / 2)))
    return tail, 1 - tail


def resampled_means(samples: Float[np.ndarray, "n k"], resamples: int, seed: int) -> Float[np.ndarray, "r k"]:
    """Means of the columns of resampled rows, (R, k); equal seeds give equal resamples."""
    generator = np.random.default_rng(seed)
    n = len(samples)
    chunk = max(1, _CHUNK // samples.size)
    sizes = [min(chunk, resamples - start) for start in range(0, resamples, chunk)]
    return np.concatenate([samples[generator.integers(n, size=(size, n))].mean(axis=1) for size in sizes])
