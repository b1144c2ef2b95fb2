"""Any result of a run directory as tables, as a tidy frame and as JSON values: what `robustq show` prints."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import plain
from robustq.report.overview import Overview
from robustq.results.analysis import Analysis
from robustq.results.differences import Differences, compare
from robustq.results.directory import RunDirectory
from robustq.results.likely_baseline import baseline_of
from robustq.results.stress_overview import stress_overview
from robustq.results.stress_run import Run
from robustq.results.tidy_curves import tidy_curves
from robustq.storage.run_path import RunPath, run_path


@dataclass(frozen=True)
class Shown:
    """One result in several forms. Each is a function, because each takes time.

    Attributes:
        grids: the tables, as cells of text.
        frame: one tidy table: a row for each figure, columns for its names, its value and its interval.
        document: JSON values.
        overview: what is read first, before the tables.
    """

    grids: Callable[[], list[Grid]]
    frame: Callable[[], pd.DataFrame]
    document: Callable[[], Any]
    overview: Callable[[], Overview] = Overview


def shown(path: str | os.PathLike[str], what: str | None = None, baseline: str | None = None) -> Shown:
    """A result of a run directory.

    Args:
        path: the run directory.
        what: "stress", "compare" or "analysis"; by default the first of stress and analysis that is there.
        baseline: model that the others are compared with, for "compare"; by default as `likely_baseline` chooses.

    Raises:
        RequestError: the directory does not hold the result.
    """
    directory = run_path(path)
    if what is None:
        what = "analysis" if not RunDirectory(directory).exists and _has_analysis(directory) else "stress"
    return _SHOWN[what](directory, baseline)


def _stress(directory: RunPath, baseline: str | None) -> Shown:
    run = Run(directory)
    return Shown(
        grids=run.grids,
        frame=lambda: _tidy_stress(run),
        document=run.summary,
        overview=lambda: stress_overview(run, details=True),
    )


def _tidy_stress(run: Run) -> pd.DataFrame:
    """The curves; with a severity, the target in words beside its number."""
    curves = tidy_curves(run)
    if run.scale is not None:
        curves.insert(list(curves).index("level") + 1, "severity", curves["level"].map(run.level_text))
    return curves


def _compare(directory: RunPath, baseline: str | None) -> Shown:
    run = Run(directory)
    baseline = baseline_of(run, baseline)
    differences = compare(run, baseline)
    return Shown(
        grids=lambda: [grid for metric in differences.metrics for grid in differences.grids(metric)],
        frame=lambda: tidy_differences(differences),
        document=lambda: plain(
            {
                "run": str(directory),
                "baseline": baseline,
                "notes": [*differences.heads, *differences.notes],
                "verdicts": {metric: differences.verdicts(metric) for metric in differences.metrics},
                "rows": tidy_differences(differences).to_dict("records"),
            }
        ),
    )


def _analysis(directory: RunPath, baseline: str | None) -> Shown:
    analysis = Analysis(directory)
    return Shown(
        grids=analysis.grids,
        frame=lambda: tidy_analysis(analysis),
        document=analysis.summary,
        overview=lambda: Overview(analysis.conclusions()),
    )


_SHOWN: Mapping[str, Callable[[RunPath, str | None], Shown]] = {
    "stress": _stress,
    "compare": _compare,
    "analysis": _analysis,
}

WHAT = tuple(_SHOWN)
"""The results that can be shown."""


def tidy_differences(differences: Differences) -> pd.DataFrame:
    """Every difference from the baseline: of drop, retention and AUDC, and of the value at each level."""
    columns = ["model", "baseline", "metric", "unit", "perturbation", "level", "measure", "groups"]
    figures = ["value", "baseline_value", "difference", "low", "high", "p", "p_holm"]
    levels = differences.to_frame().rename(columns={"mean": "value", "baseline_mean": "baseline_value"})
    tables = [levels.assign(measure="value at the level")]
    for metric in differences.metrics:
        unit = levels.loc[levels["metric"] == metric, "unit"].iloc[0]
        tables.append(differences.robustness(metric).assign(metric=metric, unit=unit))
    whole = pd.concat([table.reindex(columns=[*columns, *figures]) for table in tables], ignore_index=True)
    return whole.sort_values(["metric", "model"], kind="stable", ignore_index=True)


def tidy_analysis(analysis: Analysis) -> pd.DataFrame:
    """Every figure of an analysis: means over groups, and values of all cases together, which have no sd."""
    summary = analysis.summary()
    names = ["model", "domain", "perturbation", "level", "metric", "unit"]
    columns = [*names, "groups", "mean", "sd", "median", "q1", "q3"]
    overall = [{**entry, "mean": entry["value"]} for entry in summary["overall"]]
    table = pd.DataFrame([*summary["per_case"], *overall]).reindex(columns=columns)
    return table.astype({"groups": "Int64"})


def _has_analysis(directory: RunPath) -> bool:
    return RunDirectory(directory, "analyse").exists
