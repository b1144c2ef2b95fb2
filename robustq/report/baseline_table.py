"""The table of a comparison: every other model against the baseline, paired by group."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd, median_iqr, number, percent


def comparison_grid(
    compared: pd.DataFrame, metric: str, *, caption: str, notes: Sequence[str] = (), distance: bool = False
) -> Grid:
    """Both means, their difference with its interval, and the tests, one section a model and perturbation.

    Args:
        compared: what `robustq.statistics.compare` gave.
        metric: one of its metrics.
        caption: what the runs are.
        notes: what must be said of models and sample.
        distance: whether the metric depends on the policy for missing structures, so that misses are counted.
    """
    rows = compared[compared["metric"] == metric]
    unit = str(rows["unit"].iloc[0])
    digits = 2 if unit else 3
    by_label = "label" in rows
    infinite = bool(np.isinf(rows[["mean", "baseline_mean"]].to_numpy(float)).any())
    sections, own = [], []
    for (model, perturbation), part in rows.groupby(["model", "perturbation"], sort=False):
        lines = []
        for row in part.to_dict("records"):
            cells = _figures(row, digits, infinite, distance)
            lines.append([percent(row["level"]), *([row["label"]] if by_label else []), *cells])
            if row["note"]:
                own.append(str(row["note"]))
        sections.append((f"{model}, {perturbation}", lines))
    baseline = str(rows["baseline"].iloc[0])
    what = f"{metric} [{unit}]" if unit else metric
    average = "median (quartiles)" if infinite else "mean"
    family = "perturbations and levels above 0" + (" and labels; at level 0, over labels" if by_label else "")
    note = (
        f"{average} over groups that have a value on both sides; difference: expanded percentile bootstrap of its "
        f"mean; p: Wilcoxon signed-rank; Holm's correction over all {family}"
    )
    told = [note, *dict.fromkeys(own)]
    if distance:
        told.append("missed: answers (one a case, label and draw) without the structure")
    figures = [f"baseline {average}", f"model {average}", "difference [95 % interval]", "p", "p (Holm)", "groups"]
    header = ["level", *(["label"] if by_label else []), *figures]
    return Grid(f"{what} minus {baseline}, {caption}", header, sections, [*told, *notes])


def _figures(row: Mapping[Hashable, Any], digits: int, infinite: bool, distance: bool) -> list[str]:
    interval = f"{row['difference']:+.{digits}f} [{number(row['low'], digits)}, {number(row['high'], digits)}]"
    sides = []
    for side in ("baseline_", ""):
        if infinite:
            text = median_iqr(row[f"{side}median"], row[f"{side}q1"], row[f"{side}q3"], digits)
        else:
            text = number(row[f"{side}mean"], digits)
        sides.append(text + missed_text(row[f"{side}missed"], distance))
    return [
        *sides,
        interval if pd.notna(row["difference"]) else "–",
        p_value(row["p"]),
        p_value(row["p_holm"]),
        str(int(row["groups"])),
    ]


def missed_text(count: float, distance: bool) -> str:
    """` (3 missed)` beside a distance; nothing where none was."""
    return f" ({int(count)} missed)" if distance and count else ""


def p_value(p: float) -> str:
    """Three decimals; `< 0.001` below."""
    return "< 0.001" if p < 0.001 else number(p, 3)


def architecture_grid(
    summary: pd.DataFrame, metric: str, *, caption: str, notes: Sequence[str] = (), distance: bool = False
) -> Grid:
    """Mean ± sd over training seeds for each architecture and level.

    Args:
        summary: what `robustq.statistics.summarise_by_architecture` gave.
        metric: one of its metrics.
        caption: what the runs are.
        notes: what must be said of models and sample.
        distance: whether the metric depends on the policy for missing structures, so that misses are counted.
    """
    rows = summary[summary["metric"] == metric]
    unit = str(rows["unit"].iloc[0])
    levels = sorted(rows["level"].unique())
    sections = []
    for perturbation, part in rows.groupby("perturbation", sort=False):
        lines = []
        for architecture, curve in part.groupby("architecture", sort=False):
            cells = [
                mean_sd(row["mean"], row["sd"], 2 if unit else 3) + missed_text(row["missed"], distance)
                for row in curve.sort_values("level").to_dict("records")
            ]
            lines.append([str(architecture), *cells, str(int(curve["seeds"].min()))])
        sections.append((str(perturbation), lines))
    what = f"{metric} [{unit}]" if unit else metric
    told = ["mean ± sample sd over training seeds of each network's mean over groups", *rows["note"].unique()]
    if np.isinf(rows["mean"].to_numpy(float)).any():
        told.append("∞: a structure was missed; take --missing diagonal for means over networks")
    header = ["architecture", *(percent(level) for level in levels), "seeds"]
    return Grid(f"{what} by architecture, {caption}", header, sections, [note for note in (*told, *notes) if note])
