"""Figures of an analysis, looked up cell by cell."""

import math

import pandas as pd

from robustq.report.numbers import mean_sd, mean_sd_significant
from robustq.statistics.group_means import group_means, summarise


class Values:
    """Mean and sd over groups of what was measured case by case.

    Args:
        rows: of an analysis; those of single codes, elements or tokens are left out.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        rows = rows[(rows["label"] == "") & (rows["case"] != "")]
        self.perturbations: list[str] = list(rows["perturbation"].unique())
        self.levels: list[float] = sorted(rows["level"].unique())
        above = rows[rows["level"] > 0]
        self._found: dict[tuple[str, str, str, float | None], tuple[float, float]] = {}
        for part, mean in ((rows, False), (above.assign(level=0.0), True)):
            if part.empty:
                continue
            for row in summarise(group_means(part)).to_dict("records"):
                level = None if mean else float(row["level"])
                key = (row["model"], row["metric"], row["perturbation"], level)
                self._found[key] = (float(row["mean"]), float(row["sd"]))

    def mean(self, model: str, metric: str, perturbation: str, level: float | None) -> float:
        """The mean over groups, NaN where there is none. Level None stands for the mean over the levels above 0."""
        return self._found.get((model, metric, perturbation, level), (math.nan, math.nan))[0]

    def cell(self, model: str, metric: str, perturbation: str, level: float | None, digits: int | None = None) -> str:
        """Mean ± sd with so many decimals, or to three significant digits; – where there is none."""
        found = self._found.get((model, metric, perturbation, level))
        if found is None:
            return "–"
        return mean_sd_significant(*found) if digits is None else mean_sd(*found, digits)
