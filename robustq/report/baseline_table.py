"""The table of a comparison: every other model against the baseline, paired by group."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import median_iqr, missed_text, number, p_value, percent


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
    told = [
        f"Each figure: the {average} over the groups in which both the model and {baseline} have a value.",
        f"difference: the model minus {baseline}, averaged over groups, with its 95 % interval (expanded percentile "
        "bootstrap over groups). Where the interval contains 0, there may be no difference.",
        f"p: Wilcoxon signed-rank test. p (Holm): corrected because many tests are made, here over all {family}.",
        *dict.fromkeys(own),
    ]
    if distance:
        told.append("missed: answers without the structure that the truth shows, one for each case, label and draw.")
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
