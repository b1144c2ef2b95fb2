"""The table of a stress run: every model at every level, one section a perturbation."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from robustq.metric import parse_metrics
from robustq.report.baseline_table import missed_text
from robustq.report.grid import Grid
from robustq.report.numbers import count, draws_a_level, mean_sd, median_iqr, number, percent
from robustq.results.stress_run import Run
from robustq.statistics import audc, retention

LOW = 0.5
"""A clean Dice below this makes retention meaningless: there is little to retain."""


def curve_grid(run: Run, metric: str) -> Grid:
    """Mean ± sd over groups for each model and level, with retention, AUDC and codes in use.

    Args:
        run: a finished run.
        metric: one of the run's metrics, as asked for.
    """
    rows = run.summary_frame()
    rows = rows[rows["metric"] == metric]
    if rows.empty:
        title = f"{metric} on {run.asked['data']['name']}: no value, for no truth shows a label"
        return Grid(
            title, ["model"], [("", [[model] for model in run.models])], run.invented_notes() + run.sample_notes()
        )
    levels = sorted(rows["level"].unique())
    unit = str(rows["unit"].iloc[0])
    distance = next(iter(parse_metrics(metric).values())).measures_distance
    infinite = bool(np.isinf(rows["mean"].to_numpy(float)).any())
    # Where misses are left out the levels have different samples, and no curve runs through them.
    whole = rows["groups"].min() == rows["groups"].max()
    curve_figures = unit == "" and len(levels) > 1 and whole
    header = ["model", *(percent(level) for level in levels)]
    header += ["retention", "AUDC"] if curve_figures else []
    codes = run.codes()
    sections, small = [], []
    for perturbation in run.shown:
        lines = []
        for model in run.models:
            curve = rows[(rows["perturbation"] == perturbation) & (rows["model"] == model)].sort_values("level")
            if curve.empty:  # a transferred attack that this model was not shown
                continue
            cells = [_cell(row, 2 if unit else 3, infinite, distance) for row in curve.to_dict("records")]
            if curve_figures:
                means, at = curve["mean"].to_numpy(float), curve["level"].to_numpy(float)
                cells += [number(float(retention(at, means)[-1])), number(audc(at, means))]
                if means[at == 0][0] < LOW:
                    small.append(model)
            lines.append([model, *cells, codes[model].text])
        sections.append((perturbation, lines))
    what = f"{metric} [{unit}]" if unit else metric
    average = "median (quartiles)" if infinite else "mean ± sd"
    least, groups = int(rows["groups"].min()), int(rows["groups"].max())
    over = count(groups, "group") if least == groups else f"{least} to {groups} groups"
    attacks = run.asked.get("attacks", {})
    drawn = max(attacks.get(name, run.asked["draws"]) for name in run.asked["perturbations"])
    title = f"{what} on {run.asked['data']['name']}: {average} over {over}, {draws_a_level(drawn)}"
    notes = _notes(run, rows, distance)
    if curve_figures:
        notes.insert(0, f"retention: the mean at {percent(max(levels))} over the mean at {percent(0)}")
    for model in dict.fromkeys(small):
        notes.append(f"{model} has little to retain: its {metric} at {percent(0)} is below {LOW:g}")
    return Grid(title, [*header, "codes in use"], sections, notes)


def _cell(row: Mapping[Hashable, Any], digits: int, infinite: bool, distance: bool) -> str:
    if infinite:
        text = median_iqr(row["median"], row["q1"], row["q3"], digits)
    else:
        text = mean_sd(row["mean"], row["sd"], digits)
    return text + missed_text(row["missed"], distance)


def _notes(run: Run, rows: pd.DataFrame, distance: bool) -> list[str]:
    notes = [f"{model}: {'; '.join(remarks)}" for model, remarks in run.remarks().items() if remarks]
    if distance:
        policy = {
            "diagonal": "a missed structure counts as the image's diagonal",
            "inf": "a missed structure is infinitely far",
            "drop": "a missed structure is left out, here of this model alone: compare pairs them",
        }[run.asked["missing"]]
        notes.append(f"{policy}; missed: answers (one a case, label and draw) without the structure")
    return notes + run.attack_notes() + run.invented_notes() + run.sample_notes()
