"""The table of a comparison: every other model against the baseline, paired by group."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd, number, percent

_FIGURES = ("baseline", "model", "difference [95 % interval]", "p", "p (Holm)", "groups")


def comparison_grid(compared: pd.DataFrame, metric: str, *, caption: str) -> Grid:
    """Both means, their difference with its interval, and the tests, one section a model and perturbation.

    Args:
        compared: what `robustq.statistics.compare` gave.
        metric: one of its metrics.
        caption: what the runs are.
    """
    rows = compared[compared["metric"] == metric]
    unit = str(rows["unit"].iloc[0])
    digits = 2 if unit else 3
    by_label = "label" in rows
    sections, notes = [], []
    for (model, perturbation), part in rows.groupby(["model", "perturbation"], sort=False):
        lines = []
        for row in part.to_dict("records"):
            lines.append([percent(row["level"]), *([row["label"]] if by_label else []), *_figures(row, digits)])
            if row["note"]:
                notes.append(str(row["note"]))
        sections.append((f"{model}, {perturbation}", lines))
    baseline = str(rows["baseline"].iloc[0])
    if unit:
        missed = rows.groupby("model", sort=False)["missed"].sum()
        of_baseline = rows[rows["model"] == missed.index[0]]["baseline_missed"].sum()
        counted = [*missed.items(), (baseline, of_baseline)]
        notes.append("structures missed: " + ", ".join(f"{model} {int(count)}" for model, count in counted))
    what = f"{metric} [{unit}]" if unit else metric
    note = (
        "expanded percentile bootstrap of the mean difference over groups; Wilcoxon signed-rank tests, Holm's "
        "correction over all perturbations and levels above 0"
    )
    header = ["level", *(["label"] if by_label else []), *_FIGURES]
    return Grid(f"{what} minus {baseline}, {caption}", header, sections, [note, *dict.fromkeys(notes)])


def _figures(row: Mapping[Hashable, Any], digits: int) -> list[str]:
    interval = f"{row['difference']:+.{digits}f} [{number(row['low'], digits)}, {number(row['high'], digits)}]"
    return [
        number(row["baseline_mean"], digits),
        number(row["mean"], digits),
        interval if pd.notna(row["difference"]) else "–",
        p_value(row["p"]),
        p_value(row["p_holm"]),
        str(int(row["groups"])),
    ]


def p_value(p: float) -> str:
    """Three decimals; `< 0.001` below."""
    return "< 0.001" if p < 0.001 else number(p, 3)


def architecture_grid(summary: pd.DataFrame, metric: str, *, caption: str) -> Grid:
    """Mean ± sd over training seeds for each architecture and level.

    Args:
        summary: what `robustq.statistics.summarise_by_architecture` gave.
        metric: one of its metrics.
        caption: what the runs are.
    """
    rows = summary[summary["metric"] == metric]
    unit = str(rows["unit"].iloc[0])
    levels = sorted(rows["level"].unique())
    sections = []
    for perturbation, part in rows.groupby("perturbation", sort=False):
        lines = []
        for architecture, curve in part.groupby("architecture", sort=False):
            curve = curve.sort_values("level")
            cells = [mean_sd(mean, sd, 2 if unit else 3) for mean, sd in zip(curve["mean"], curve["sd"], strict=True)]
            lines.append([str(architecture), *cells, str(int(curve["seeds"].min()))])
        sections.append((str(perturbation), lines))
    what = f"{metric} [{unit}]" if unit else metric
    notes = ["mean ± sample sd over training seeds of each network's mean over groups", *rows["note"].unique()]
    header = ["architecture", *(percent(level) for level in levels), "seeds"]
    return Grid(f"{what} by architecture, {caption}", header, sections, [note for note in notes if note])
