"""Looks up the figures of an analysis for the cells of its tables."""

import math

import pandas as pd

from robustq.report.numbers import mean_sd, mean_sd_significant
from robustq.statistics.group_means import group_means, scores, summarise


class Values:
    """Mean and sd over groups of the values that an analysis measured for each case.

    Args:
        rows: rows of an analysis; those of single codes, elements or tokens, and those for figures only, are left out.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        rows = scores(rows[(rows["label"] == "") & (rows["case"] != "")])
        self.perturbations: list[str] = list(rows["perturbation"].unique())
        self.levels: list[float] = sorted(rows["level"].unique())
        above = rows[rows["level"] > 0]
        self._mean_and_sd: dict[tuple[str, str, str, float | None], tuple[float, float]] = {}
        for selection, over_levels in ((rows, False), (above.assign(level=0.0), True)):
            if selection.empty:
                continue
            for row in summarise(group_means(selection)).to_dict("records"):
                level = None if over_levels else float(row["level"])
                key = (row["model"], row["metric"], row["perturbation"], level)
                self._mean_and_sd[key] = (float(row["mean"]), float(row["sd"]))

    def mean(self, model: str, metric: str, perturbation: str, level: float | None) -> float:
        """The mean over groups, NaN where there is none. Level None stands for the mean over the levels above 0."""
        return self._mean_and_sd.get((model, metric, perturbation, level), (math.nan, math.nan))[0]

    def cell(self, model: str, metric: str, perturbation: str, level: float | None, digits: int | None = None) -> str:
        """Mean ± sd with `digits` decimals, or with three significant digits if None; – where there is no value."""
        figures = self._mean_and_sd.get((model, metric, perturbation, level))
        if figures is None:
            return "–"
        return mean_sd_significant(*figures) if digits is None else mean_sd(*figures, digits)
