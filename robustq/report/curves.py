"""The table of a stress run: every model at every level, one section a perturbation."""

import math

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd, number, percent
from robustq.run import Run
from robustq.statistics import audc, retention


def curve_grid(run: Run, metric: str) -> Grid:
    """Mean ± sd over groups for each model and level, with retention, AUDC and codes in use.

    Args:
        run: a finished run.
        metric: one of the run's metrics, as asked for.
    """
    rows = run.summary_frame()
    rows = rows[rows["metric"] == metric]
    levels = sorted(rows["level"].unique())
    unit = str(rows["unit"].iloc[0])
    share = unit == ""
    digits = 3 if share else 2
    header = ["model", *(percent(level) for level in levels)]
    if share and len(levels) > 1:
        header += ["retention", "AUDC"]
    header.append("codes in use")
    codes = run.codes()
    sections = []
    for perturbation in run.asked["perturbations"]:
        lines = []
        for model in run.models:
            curve = rows[(rows["perturbation"] == perturbation) & (rows["model"] == model)].sort_values("level")
            cells = [model, *(_cell(row, digits) for _, row in curve.iterrows())]
            if share and len(levels) > 1:
                means = curve["mean"].to_numpy(float)
                at = curve["level"].to_numpy(float)
                cells += [number(float(retention(at, means)[-1])), number(audc(at, means))]
            lines.append([*cells, codes[model].text])
        sections.append((perturbation, lines))
    groups = int(rows["groups"].max())
    what = f"{metric} [{unit}]" if unit else metric
    title = f"{what} on {run.asked['data']['name']}: mean ± sd over {groups} groups, {run.asked['draws']} draws a level"
    return Grid(title, header, sections, _notes(run, rows, share))


def _cell(row: "pd.Series[float]", digits: int) -> str:
    if np.isinf(row["mean"]):
        text = f"{number(row['median'], digits)} ({number(row['q1'], digits)}–{number(row['q3'], digits)})"
    else:
        text = mean_sd(row["mean"], row["sd"], digits)
    return text


def _notes(run: Run, rows: pd.DataFrame, share: bool) -> list[str]:
    notes = [f"{model}: {'; '.join(remarks)}" for model, remarks in run.remarks().items() if remarks]
    if share:
        notes.append(f"retention: the mean at {percent(max(rows['level']))} over the mean at {percent(0)}")
    notes += run.sample_notes()
    if not share:
        missed = rows.groupby("model")["missed"].sum()
        notes.append(
            f"structures missed, counted at {run.asked['missing']}: "
            + ", ".join(f"{model} {int(count)}" for model, count in missed.items())
        )
        if math.isinf(float(rows["mean"].max())):
            notes.append("where a structure was missed, the median and quartiles stand in place of mean ± sd")
    return notes
