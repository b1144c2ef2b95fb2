"""The table of architectures: mean and sd over training seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import NO_ANSWER_NOTE, digits_of, mean_sd, missed_text, percent, with_unit


def architecture_grid(
    summary: pd.DataFrame, metric: str, *, caption: str, notes: Sequence[str] = (), distance: bool = False
) -> Grid:
    """Mean ± sd over training seeds for each architecture and level.

    Args:
        summary: what `robustq.statistics.summarise_by_architecture` gave.
        metric: one of its metrics.
        caption: names the runs in the title.
        notes: notes on models and sample.
        distance: whether the policy for missed structures applies to the metric; their number is then printed.
    """
    rows = summary[summary["metric"] == metric]
    unit = str(rows["unit"].iloc[0])
    levels = sorted(rows["level"].unique())
    sections = []
    for perturbation, rows_of_perturbation in rows.groupby("perturbation", sort=False):
        lines = []
        for architecture, curve in rows_of_perturbation.groupby("architecture", sort=False):
            cells = [
                mean_sd(row["mean"], row["sd"], digits_of(unit))
                + missed_text(row["missed"], distance, row["unanswered"])
                for row in curve.sort_values("level").to_dict("records")
            ]
            lines.append([str(architecture), *cells, str(int(curve["seeds"].min()))])
        sections.append((str(perturbation), lines))
    reading_notes = [
        "Each figure: the mean over groups (patients) for each trained network, then mean ± sample standard deviation "
        "over these networks.",
        "seeds: the number of networks behind a figure, each trained with another seed.",
        *rows["note"].unique(),
    ]
    if np.isinf(rows["mean"].to_numpy(float)).any():
        reading_notes.append(
            "∞: a network missed a structure, which counts as infinitely far away. To get finite means, run robustq "
            "stress again with --missing diagonal."
        )
    if distance:
        reading_notes.append(
            "missed: the number of answers without a structure that the true mask has. Each case, label and draw gives "
            "one answer."
        )
    if rows["unanswered"].any():
        reading_notes.append(NO_ANSWER_NOTE)
    header = ["architecture", *(percent(level) for level in levels), "seeds"]
    printed_notes = [note for note in (*reading_notes, *notes) if note]
    return Grid(f"{with_unit(metric, unit)} by architecture, {caption}", header, sections, printed_notes)
