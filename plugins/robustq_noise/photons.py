"""Computes Poisson counts by inversion, so that one uniform number gives one draw at every rate."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri, pdtr, pdtrik

_NORMAL = 1e9
"""Above this rate, the expansion below is more exact than the distribution function in float64."""


def poisson_quantile(share: Float[np.ndarray, "*s"], rate: Float[np.ndarray, "*s"]) -> Float[np.ndarray, "*s"]:
    """The Poisson quantile: the smallest count with P(N ≤ count) ≥ share.

    Cornish and Fisher's expansion gives a first guess, which is right for all but a few per cent. The distribution
    function verifies the guess, and a solver finds the other counts; the solver alone would take ten times as long. The
    result is as exact as the distribution function in float64: for rates above a million, a count in the far tails may
    be wrong by one or two.

    Args:
        share: probability in [0, 1); uniform random numbers give Poisson counts.
        rate: mean of the Poisson distribution, 0 or more.
    """
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
