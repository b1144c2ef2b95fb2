"""The table of a comparison of models with a baseline, paired by group."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from robustq.metric import reference_of
from robustq.report.grid import Grid
from robustq.report.numbers import (
    NO_ANSWER_NOTE,
    difference_text,
    digits_of,
    median_iqr,
    missed_text,
    number,
    p_value,
    percent,
    with_unit,
)


def comparison_grid(
    compared: pd.DataFrame,
    metric: str,
    *,
    caption: str,
    notes: Sequence[str] = (),
    distance: bool = False,
    level_text: Callable[[float], str] = percent,
) -> Grid:
    """Both means, their difference with its interval, and the tests; one section for each model and perturbation.

    Args:
        compared: what `robustq.statistics.compare` gave.
        metric: one of its metrics.
        caption: names the runs in the title.
        notes: notes on models and sample.
        distance: whether the policy for missed structures applies to the metric; their number is then printed.
        level_text: what a reader sees of a level.
    """
    rows = compared[compared["metric"] == metric]
    unit = str(rows["unit"].iloc[0])
    digits = digits_of(unit)
    by_label = "label" in rows
    infinite = bool(np.isinf(rows[["mean", "baseline_mean"]].to_numpy(float)).any())
    sections, row_notes = [], []
    for (model, perturbation), comparisons in rows.groupby(["model", "perturbation"], sort=False):
        lines = []
        for row in comparisons.to_dict("records"):
            cells = _figures(row, digits, infinite, distance)
            lines.append([level_text(row["level"]), *([row["label"]] if by_label else []), *cells])
            if row["note"]:
                row_notes.append(str(row["note"]))
        sections.append((f"{model}, {perturbation}", lines))
    baseline = str(rows["baseline"].iloc[0])
    average = "median (quartiles)" if infinite else "mean"
    family = ", levels above 0 and labels; at level 0, all labels" if by_label else " and levels above 0"
    reading_notes = [
        f"Each figure: the {average} over the groups (patients) in which both the model and {baseline} have a value.",
        f"difference: the model minus {baseline}, averaged over groups, with its 95 % interval (expanded percentile "
        "bootstrap over groups). Where the interval contains 0, there may be no difference.",
        "p: the p-value of the Wilcoxon signed-rank test. p (Holm): the same, corrected by Holm's method for the "
        f"number of tests, which are all perturbations{family}.",
        *dict.fromkeys(row_notes),
    ]
    if distance:
        reading_notes.append(
            f"missed: the number of answers without a structure that {reference_of(metric)} has. Each case, label and "
            "draw gives one answer."
        )
    if rows[["unanswered", "baseline_unanswered"]].to_numpy().any():
        reading_notes.append(NO_ANSWER_NOTE)
    figures = [f"baseline {average}", f"model {average}", "difference [95 % interval]", "p", "p (Holm)", "groups"]
    header = ["level", *(["label"] if by_label else []), *figures]
    return Grid(f"{with_unit(metric, unit)} minus {baseline}, {caption}", header, sections, [*reading_notes, *notes])


def _figures(row: Mapping[Hashable, Any], digits: int, infinite: bool, distance: bool) -> list[str]:
    sides = []
    for side in ("baseline_", ""):
        if infinite:
            text = median_iqr(row[f"{side}median"], row[f"{side}q1"], row[f"{side}q3"], digits)
        else:
            text = number(row[f"{side}mean"], digits)
        sides.append(text + missed_text(row[f"{side}missed"], distance, row[f"{side}unanswered"]))
    return [
        *sides,
        difference_text(row["difference"], row["low"], row["high"], digits),
        p_value(row["p"]),
        p_value(row["p_holm"]),
        str(int(row["groups"])),
    ]
