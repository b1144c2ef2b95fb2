"""Whether agreement with the clean answer tells the loss of Dice (docs/definitions.md, Without labels)."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata, spearmanr

from robustq.statistics.group_means import GROUP
from robustq.statistics.risk_coverage import group_interval, group_resamples, resampled, spearman

FEWEST = 3
"""With fewer cases, every order is a perfect one or its reverse."""

_CASE = [*GROUP, "case"]
_CURVE = ["model", "perturbation", "level"]


class AgreementAndLoss(NamedTuple):
    """How the cases of one level rank by agreement and by loss of Dice.

    Attributes:
        model: name of the model.
        perturbation: name of the perturbation, as in the rows.
        level: percent.
        cases: number of cases that have a value of both.
        correlation: Spearman's rank correlation; NaN for fewer than 3 cases, or where one of both is constant.
        low: lower end of its 95 % interval over groups; NaN where there is none, as for a perfect order: it is perfect
            in every resample too, so the bootstrap shows none of its uncertainty.
        high: the upper end.
    """

    model: str
    perturbation: str
    level: float
    cases: int
    correlation: float
    low: float
    high: float


def agreement_and_loss(rows: pd.DataFrame, metric: str) -> list[AgreementAndLoss]:
    """The rank correlation over cases, for each model, perturbation and level above 0.

    A case counts with its means over draws, then labels. Its loss is its Dice at level 0 minus that at the level.

    Args:
        rows: rows of a run without labels, on data of which some cases have masks.
        metric: a metric of agreement, as in the rows.
    """
    dice = _case_means(rows, "dice").rename(columns={"value": "dice"})
    clean = dice[dice["level"] == 0].drop(columns="level").rename(columns={"dice": "clean"})
    agreement = _case_means(rows, metric).rename(columns={"value": "agreement"})
    drawn = dice[dice["level"] > 0].merge(clean, on=["model", "perturbation", *_CASE])
    both = drawn.merge(agreement, on=[*_CURVE, *_CASE]).dropna()
    both["lost"] = both["clean"] - both["dice"]
    return [
        AgreementAndLoss(
            str(key[0]), str(key[1]), float(of_level["level"].iloc[0]), len(of_level), *_correlation(of_level)
        )
        for key, of_level in both.groupby(_CURVE, sort=False)
    ]


def _case_means(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The mean over draws, then labels, of each case."""
    own = rows[rows["metric"] == metric]
    keys = [*_CURVE, *_CASE]
    by_label = own.groupby([*keys, "label"], as_index=False, sort=False)["value"].mean()
    means: pd.DataFrame = by_label.groupby(keys, as_index=False, sort=False)["value"].mean()
    return means


def _correlation(both: pd.DataFrame) -> tuple[float, float, float]:
    # Ranks, because a distance can be infinite.
    agreement, lost = (rankdata(both[name].to_numpy(float)) for name in ("agreement", "lost"))
    if len(both) < FEWEST or np.ptp(agreement) == 0 or np.ptp(lost) == 0:
        return math.nan, math.nan, math.nan
    groups = both[list(GROUP)].apply(tuple, axis=1).astype(str).to_numpy()
    correlation = float(spearmanr(agreement, lost).statistic)
    if math.isclose(abs(correlation), 1):
        return correlation, math.nan, math.nan
    estimates = resampled(spearman, agreement, lost, group_resamples(groups))
    return correlation, *group_interval(estimates, len(set(groups)))
