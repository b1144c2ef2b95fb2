"""Statistics of a signal that shall tell a good answer from a bad one (docs/definitions.md, Calibration and failure).

Each function takes n answers, with the signal's confidence in each, and how often each answer counts: once, or as often
as a resample of the bootstrap holds its group. R resamples, the rows of `times`, are computed at once.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from robustq.statistics.bootstrap import CONFIDENCE, bootstrap_ends

Values = Float[np.ndarray, " n"]
Times = Int[np.ndarray, "r n"]
Estimates = Float[np.ndarray, " r"]
Statistic = Callable[[Values, Values, Times], Estimates]
"""A statistic of confidence and Dice of n answers."""

RESAMPLES = 2_000
"""Resamples of an interval; a table of an analysis has many of them."""

# Largest number of counts at once; they take 8 MB.
_CHUNK = 1_000_000


def risk_coverage(confidence: Values, risk: Values) -> Values:
    """R_k, the mean risk of the k most confident answers, for k from 1 to n.

    Answers of equal confidence stand in any order: their mean risk stands for each of them.
    """
    places = np.unique(-confidence, return_inverse=True)[1]
    means = np.bincount(places, risk) / np.bincount(places)
    ordered: Values = means[np.sort(places)]
    curve: Values = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
    return curve


def aurc(confidence: Values, dice: Values, times: Times) -> Estimates:
    """Area under the risk-coverage curve, Σ_{k=1..n-1} (R_k + R_{k+1}) / 2n; the risk is 1 - Dice.

    0 for a single answer.
    """
    ends, sizes = _blocks(-confidence, times)
    risks = _summed(-confidence, times * (1 - dice)[None])
    before, before_risk = ends - sizes, np.cumsum(risks, 1) - risks
    mean = np.divide(risks, sizes, out=np.zeros_like(risks), where=sizes > 0)
    total = ends[:, -1]
    # Within a block, R_k = mean + (risk before - mean · number before) / k, and Σ 1/k is a difference of harmonic sums.
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(total.max()) + 1))])
    all_r = (sizes * mean + (before_risk - mean * before) * (harmonic[ends] - harmonic[before])).sum(1)
    place = np.arange(len(sizes)), (sizes > 0).argmax(1)
    first, last = mean[place], risks.sum(1) / total
    area: Estimates = (all_r - (first + last) / 2) / total
    return area


def excess_aurc(confidence: Values, dice: Values, times: Times) -> Estimates:
    """E-AURC: the AURC minus that of the order by risk, which no signal can fall below."""
    # Not below 0: two sums in another order differ by rounding.
    excess: Estimates = np.maximum(aurc(confidence, dice, times) - aurc(dice, dice, times), 0)
    return excess


def failure_auroc(threshold: float) -> Statistic:
    """The AUROC of Dice below a threshold: how often a failure has less confidence than a success, ties counted half.

    NaN where every answer is a failure, or none is.
    """

    def auroc(confidence: Values, dice: Values, times: Times) -> Estimates:
        failed = times * (dice < threshold)[None]
        failures, successes = _summed(confidence, failed), _summed(confidence, times - failed)
        above = successes.sum(1, keepdims=True) - np.cumsum(successes, 1)
        pairs = failures.sum(1) * successes.sum(1)
        won = (failures * (above + successes / 2)).sum(1)
        share: Estimates = np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)
        return share

    return auroc


def spearman(confidence: Values, dice: Values, times: Times) -> Estimates:
    """Spearman's rank correlation of confidence and Dice; NaN where one of them is constant."""
    ranks, others = _ranks(confidence, times), _ranks(dice, times)
    total = times.sum(1, keepdims=True)
    ranks, others = (each - (times * each).sum(1, keepdims=True) / total for each in (ranks, others))
    spread = np.sqrt((times * ranks**2).sum(1) * (times * others**2).sum(1))
    products = (times * ranks * others).sum(1)
    correlation: Estimates = np.divide(products, spread, out=np.full(len(spread), np.nan), where=spread > 1e-9)
    return correlation


def once(answers: int) -> Times:
    """Every answer counted once, as one row."""
    return np.ones((1, answers), int)


def group_resamples(groups: np.ndarray, resamples: int = RESAMPLES) -> Times:
    """How often each answer counts in resamples of the groups (patients), the same ones at each call."""
    names, places = np.unique(groups, return_inverse=True)
    chosen = np.random.default_rng(0).integers(len(names), size=(resamples, len(names)))
    times = np.zeros((resamples, len(names)), int)
    np.add.at(times, (np.arange(resamples)[:, None], chosen), 1)
    counted: Times = times[:, places]
    return counted


def resampled(statistic: Statistic, confidence: Values, dice: Values, times: Times) -> Estimates:
    """The statistic in each resample, computed for as many resamples at once as memory allows."""
    parts = max(1, times.size // _CHUNK)
    return np.concatenate([statistic(confidence, dice, part) for part in np.array_split(times, parts) if len(part)])


def group_interval(estimates: Estimates, groups: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The ends of the expanded percentile interval of resampled estimates; NaN for one group.

    Resamples without a value are left out, such as those that hold no failure; NaN if more than one in ten has none.
    """
    valid = estimates[np.isfinite(estimates)]
    if groups < 2 or len(valid) < 0.9 * len(estimates):
        return math.nan, math.nan
    low, high = np.quantile(valid, bootstrap_ends(groups, confidence))
    return float(low), float(high)


def _blocks(key: Values, times: Times) -> tuple[Int[np.ndarray, "r b"], Int[np.ndarray, "r b"]]:
    """For each block of equal keys, in growing order: the number of answers up to its end, and in it."""
    sizes = _summed(key, times).astype(int)
    return np.cumsum(sizes, 1), sizes


def _summed(key: Values, weights: np.ndarray) -> Float[np.ndarray, "r b"]:
    """The sum of the weights (R, n) over each block of equal keys, in growing order of the keys."""
    order = np.argsort(key, kind="stable")
    starts = np.flatnonzero(np.diff(key[order], prepend=-np.inf))
    summed: Float[np.ndarray, "r b"] = np.add.reduceat(weights[:, order], starts, axis=1).astype(float)
    return summed


def _ranks(values: Values, times: Times) -> Float[np.ndarray, "r n"]:
    """The mean rank of each answer among all that count."""
    ends, sizes = _blocks(values, times)
    places = np.unique(values, return_inverse=True)[1]
    ranks: Float[np.ndarray, "r n"] = (ends - (sizes - 1) / 2)[:, places]
    return ranks
