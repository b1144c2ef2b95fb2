"""Computes Poisson counts by inversion, so that one uniform number gives one draw at every rate."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, pdtr, pdtrik

_FEW, _MANY = 8.0, 1e4
"""Below the first rate, few probabilities add up to a count; between both, the expansion holds."""
_TAIL = 3.0
"""Largest normal number for which the bound of the expansion holds at all these rates."""
_LEFT = 0.002
"""Share of the counts that are left to the distribution function when most sums are done."""
_ROUNDING = 1e-12
_AT_ONCE = 2**15
"""Counts that are computed together: they fit the processor's cache."""
_NORMAL = 1e9
"""Above this rate, the expansion below is more exact than the distribution function in float64."""


def poisson_quantile(share: Float[np.ndarray, "*s"], rate: Float[np.ndarray, "*s"]) -> Float[np.ndarray, "*s"]:
    """The Poisson quantile: the smallest count with P(N ≤ count) ≥ share.

    A sum of probabilities for small rates, and an expansion for others, give nearly all counts with certainty; where
    either comes too near to the next count, the distribution function decides. The result is as exact as the
    distribution function in float64: for rates above a million, a count in the far tails may be wrong by one or two.

    Args:
        share: probability in [0, 1); uniform random numbers give Poisson counts.
        rate: mean of the Poisson distribution, 0 or more.
    """
    result = np.zeros(share.size)
    shares, rates = share.ravel(), rate.ravel()
    for start in range(0, share.size, _AT_ONCE):
        block = slice(start, start + _AT_ONCE)
        result[block] = _block(shares[block], rates[block])
    return result.reshape(share.shape)


def _block(share: np.ndarray, rate: np.ndarray) -> np.ndarray:
    counts = np.full(share.size, np.nan)
    few = (rate > 0) & (rate < _FEW)
    counts[few] = _summed(share[few], rate[few])
    many = (rate >= _FEW) & (rate <= _MANY)
    counts[many] = _expanded(share[many], rate[many])
    undecided = np.isnan(counts)
    counts[undecided] = _decided(share[undecided], rate[undecided])
    return counts


def _summed(share: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """The counts by adding up probabilities from 0 on; NaN where this takes long or rounding decides."""
    probability = np.exp(-rate)
    total = probability.copy()
    counts, closest = np.zeros_like(rate), np.ones_like(rate)
    number = 0
    larger = np.ones(share.shape, dtype=bool)
    while np.count_nonzero(larger) > _LEFT * share.size:
        apart = share - total
        larger = apart > 0
        counts += larger
        np.minimum(closest, np.abs(apart), out=closest)
        number += 1
        probability *= rate
        probability /= number
        total += probability
    counts[larger | (closest < _ROUNDING)] = np.nan
    return counts


def _expanded(share: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """The counts by Giles' expansion (ACM TOMS 42, 2016) with one term more; NaN where it is too near to a count."""
    normal = ndtri(share)
    square, root = normal**2, np.sqrt(rate)
    place = rate + root * normal + (1 / 3 + square / 6) - normal * (1 / 36 + square / 72) / root
    place += (-8 / 405 + square * (7 / 810 + square / 270)) / rate
    # The next terms of the expansion, generously; a test holds this bound against SciPy.
    wrong = (0.02 + np.abs(normal) * square * (0.03 + 0.01 * square)) / (rate * root)
    counts: np.ndarray = np.floor(place)
    apart = np.abs(place - np.rint(place))
    counts[(apart <= wrong) | (np.abs(normal) >= _TAIL)] = np.nan
    return counts


def _decided(share: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """The counts by the distribution function, which verifies a guess; a solver finds the other counts."""
    normal = ndtri(share)
    root = np.sqrt(rate)
    with np.errstate(invalid="ignore", divide="ignore"):
        correction = (normal**2 - 1) / 6 + (7 * normal - normal**3) / (72 * root)
        guess = np.floor(rate + root * normal + correction + 0.5)
    guess = np.nan_to_num(np.maximum(guess, 0), nan=0.0, posinf=0.0)
    right = (pdtr(guess, rate) >= share) & ((guess == 0) | (pdtr(np.maximum(guess - 1, 0), rate) < share))
    solve = ~right & (rate < _NORMAL) & (rate > 0)
    if solve.any():
        guess[solve] = _settle(np.ceil(pdtrik(share[solve], rate[solve])), share[solve], rate[solve])
    return np.where(rate > 0, guess, 0.0)


def _settle(counts: np.ndarray, share: np.ndarray, rate: np.ndarray) -> np.ndarray:
    """Correct counts of the solver, which is wrong by one or two in the far tails of large rates, step by step."""
    for _ in range(8):
        low = pdtr(counts, rate) < share
        high = ~low & (counts > 0) & (pdtr(np.maximum(counts - 1, 0), rate) >= share)
        if not (low | high).any():
            break
        counts = counts + low - high
    return counts
