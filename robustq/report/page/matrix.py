"""The matrix of a page: a row for each perturbation, domain and model, a cell for each level."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from robustq.report.numbers import number, percent
from robustq.report.page.levels import Levels
from robustq.statistics import audc
from robustq.statistics.robustness_differences import ALL


@dataclass(frozen=True)
class Cell:
    """A mean at a level: as printed, and unrounded.

    Attributes:
        text: the mean as printed.
        value: the mean.
        retention: the mean divided by that at level 0; NaN where this has no meaning.
        retained: the retention as printed, in percent; "" where it has no meaning.
        shade: where the mean lies between the worst (0) and the best (1) of the matrix.
        about: the interval and the sample in words.
    """

    text: str
    value: float
    retention: float
    retained: str
    shade: float
    about: str


@dataclass(frozen=True)
class Row:
    """A model under a perturbation in a domain; the area under its curve is NaN where it has no meaning."""

    perturbation: str
    domain: str
    title: str
    model: str
    number: int
    cells: Sequence[Cell]
    audc: float
    area: str


def matrix(measure: Levels) -> list[Row]:
    """The rows of a metric, perturbation by perturbation; the mean over several perturbations is the last."""
    finite = measure.rows["mean"].to_numpy(float)
    finite = finite[np.isfinite(finite)]
    worst, best = (0.0, 1.0) if measure.is_share else (float(finite.max(initial=0)), float(finite.min(initial=0)))
    rows = []
    for perturbation in [*measure.perturbations, ALL]:
        for domain, title in measure.domains.items():
            for place, model in enumerate(measure.models):
                curve = measure.curve(model, perturbation, domain)
                if curve.empty:
                    continue
                at_level = {float(row["level"]): row for row in curve.to_dict("records")}
                cells = [_cell(at_level.get(level), measure, worst, best) for level in measure.levels]
                level, mean = curve["level"].to_numpy(float), curve["mean"].to_numpy(float)
                has_area = measure.is_share and len(level) > 1 and 0 in level
                area = audc(level, mean) if has_area else math.nan
                rows.append(Row(perturbation, domain, title, model, place, cells, area, number(area)))
    return rows


def _cell(row: Mapping[Any, Any] | None, measure: Levels, worst: float, best: float) -> Cell:
    if row is None:
        return Cell("–", math.nan, math.nan, "", math.nan, "not measured")
    mean, low, high = (float(row[name]) for name in ("mean", "low", "high"))
    retention = float(row["retention"]) if measure.is_share else math.nan
    retained = "" if math.isnan(retention) else f"{100 * retention:.0f}\N{NO-BREAK SPACE}%"
    shade = (mean - worst) / (best - worst) if best != worst and math.isfinite(mean) else math.nan
    interval = "no interval" if math.isnan(low) else f"{number(low, measure.digits)} to {number(high, measure.digits)}"
    about = f"{percent(row['level'])}: 95 % interval {interval}; {int(row['groups'])} patients"
    if row["missed"]:
        about += f"; {int(row['missed'])} missed"
    return Cell(number(mean, measure.digits), mean, retention, retained, min(1.0, max(0.0, shade)), about)
