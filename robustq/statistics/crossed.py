"""The mean of differences that vary by training seed and by patient.

Source: docs/definitions.md, Claims about architectures.
"""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from robustq.errors import RequestError
from robustq.statistics.bootstrap import CONFIDENCE


@dataclass(frozen=True)
class Crossed:
    """The mean of a crossed table of differences, with its interval.

    Attributes:
        seeds: number of training seeds.
        groups: number of groups (patients).
        estimate: the grand mean.
        low: lower end of the t interval; NaN for fewer than two seeds or groups.
        high: upper end, likewise.
        p: two-sided, of the same t; NaN where there is no interval, or where no difference varies.
        freedom: Satterthwaite's degrees of freedom; NaN likewise.
        one_sign: whether the means of all seeds have the same sign, none of them 0.
    """

    seeds: int
    groups: int
    estimate: float
    low: float
    high: float
    p: float
    freedom: float
    one_sign: bool


def crossed_mean(differences: Float[np.ndarray, "s p"]) -> Crossed:
    """The grand mean of differences of which each belongs to one seed and one patient.

    Seeds and patients are two samples that cross: every seed is measured on every patient. Its variance is estimated
    from the mean squares of the two-way table as (MS_seed + MS_patient - MS_residual) / (S P), but not below
    MS_residual / (S P), with Satterthwaite's degrees of freedom (Satterthwaite 1946, Biometrics Bulletin 2, 110).

    Args:
        differences: one row for each seed, one column for each patient; all finite.

    Raises:
        RequestError: the table is empty or holds a value that is not finite.
    """
    seeds, groups = differences.shape
    if not differences.size or not np.isfinite(differences).all():
        raise RequestError(
            "differences by seed and patient must be finite, and there must be some: leave out what has no value"
        )
    estimate = float(differences.mean())
    by_seed, by_group = differences.mean(1), differences.mean(0)
    one_sign = bool((by_seed > 0).all() or (by_seed < 0).all())
    if seeds < 2 or groups < 2:
        return Crossed(seeds, groups, estimate, math.nan, math.nan, math.nan, math.nan, one_sign)
    residuals = differences - by_seed[:, None] - by_group + estimate
    freedoms = np.array([seeds - 1, groups - 1, (seeds - 1) * (groups - 1)])
    of_seeds, of_groups = groups * np.square(by_seed - estimate).sum(), seeds * np.square(by_group - estimate).sum()
    mean_squares = np.array([of_seeds, of_groups, np.square(residuals).sum()]) / freedoms
    seed_square, group_square, residual_square = mean_squares
    combined = seed_square + group_square - residual_square
    if combined > residual_square:
        freedom = float(combined**2 / (np.square(mean_squares) / freedoms).sum())
    else:
        combined, freedom = residual_square, float(freedoms[2])
    error = math.sqrt(combined / (seeds * groups))
    if error == 0:
        return Crossed(seeds, groups, estimate, estimate, estimate, math.nan, math.nan, one_sign)
    reach = error * float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))
    p = 2 * float(stats.t.sf(abs(estimate) / error, freedom))
    return Crossed(seeds, groups, estimate, estimate - reach, estimate + reach, p, freedom, one_sign)
