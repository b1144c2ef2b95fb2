"""Looks up the values of an analysis, one for each group."""

import numpy as np
import pandas as pd
from jaxtyping import Float

from robustq.request.names import CLEAN
from robustq.statistics.group_means import group_means


class GroupValues:
    """One value for each group: the mean over draws, then over the cases of the group.

    Args:
        rows: rows of an analysis.
        metrics: the metrics that are looked up.
    """

    def __init__(self, rows: pd.DataFrame, metrics: list[str]) -> None:
        chosen = rows[rows["metric"].isin(metrics) & (rows["case"] != "")]
        self._means = group_means(chosen) if len(chosen) else chosen
        self.perturbations: list[str] = list(chosen["perturbation"].unique())
        self.levels: list[float] = sorted(chosen["level"].unique())

    def __call__(
        self, model: str, metric: str, perturbation: str = CLEAN, level: float = 0.0
    ) -> Float[np.ndarray, " g"]:
        """The values of the groups that have one."""
        means = self._means
        values = means[
            (means["model"] == model)
            & (means["metric"] == metric)
            & (means["perturbation"] == perturbation)
            & (means["level"] == level)
        ]["value"].to_numpy(float)
        present: Float[np.ndarray, " g"] = values[np.isfinite(values)]
        return present


def overall(rows: pd.DataFrame, model: str, metric: str) -> float:
    """The value of a metric of all cases of a model; NaN where there is none."""
    values = rows[(rows["model"] == model) & (rows["metric"] == metric) & (rows["case"] == "")]["value"]
    return float(values.iloc[0]) if len(values) else float("nan")
