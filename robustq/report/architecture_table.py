"""The table of architectures: mean and sd over training seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd, missed_text, percent


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
    told = [
        "Each figure: first the mean over groups for each trained network, then mean ± sample standard deviation over "
        "these networks. seeds: how many networks, each with a training seed of its own.",
        *rows["note"].unique(),
    ]
    if np.isinf(rows["mean"].to_numpy(float)).any():
        told.append(
            "∞: a network missed a structure, which counts as infinitely far; stress with --missing diagonal for means."
        )
    if distance:
        told.append("missed: answers without the structure that the truth shows, one for each case, label and draw.")
    header = ["architecture", *(percent(level) for level in levels), "seeds"]
    return Grid(f"{what} by architecture, {caption}", header, sections, [note for note in (*told, *notes) if note])
