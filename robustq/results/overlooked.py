"""Counts the structures that models miss or invent, which a mean can hide."""

import pandas as pd

from robustq.metric import reference_of
from robustq.report.grid import Grid
from robustq.report.numbers import count, percent
from robustq.results.stress_run import Run
from robustq.statistics.volume_changes import APPEARED


def overlooked(run: Run) -> Grid:
    """Missed and invented structures of each model under each perturbation, at level 0 and at the highest level."""
    frame = run.by_level()
    scored, absent = frame[frame["metric"] == run.metrics[0]], frame[frame["metric"].isin(["invented", APPEARED])]
    levels = sorted(frame.loc[frame["status"] != "failed", "level"].unique())
    ends = list(dict.fromkeys((levels[0], levels[-1]))) if levels else []
    sections = []
    for perturbation in run.shown:
        lines = []
        for model in run.models:
            cells = [
                text
                for rows, cell_of in ((scored, _missed), (absent, _invented))
                for level in ends
                for text in [cell_of(_at(rows, model, perturbation, level))]
            ]
            if any(cell != "–" for cell in cells):
                lines.append([model, *cells])
        sections.append((perturbation, lines))
    header = ["model", *(f"{word} at {run.level_text(level)}" for word in ("missed", "invented") for level in ends)]
    reference = reference_of(run.metrics[0])
    notes = [
        f"missed: answers without a voxel of a label that {reference} has, of all such answers (each case, label and "
        "draw gives one).",
        f"invented: answers with a label that {reference} does not have, of all such answers; – where it always has "
        "every label.",
    ]
    return Grid("Structures that are missed or invented", header, sections, notes)


def missed_alerts(run: Run) -> list[str]:
    """A sentence for each model that misses structures; empty if none does."""
    frame = run.by_level()
    scored = frame[frame["metric"] == run.metrics[0]]
    sentences = []
    for model in run.models:
        rows = scored[scored["model"] == model]
        missed = rows[rows["status"] == "missed"]
        if len(missed):
            at_zero = int((missed.drop_duplicates(["case", "label", "level", "draw", "domain"])["level"] == 0).sum())
            curves = missed.groupby(["perturbation", "level"], sort=False, as_index=False).size()
            worst = curves.sort_values("size").iloc[-1]
            perturbation, level = str(worst["perturbation"]), float(worst["level"])
            share = _missed(_at(rows, model, perturbation, level))
            what = "misses whole structures"
            if run.without_labels:
                what += " that its answer to the unperturbed case has"
            sentences.append(
                f"{model} {what}: {count(at_zero, 'structure')} at {percent(0)}, and most under "
                f"{perturbation} at {run.level_text(level)} ({share} answers)."
            )
    return sentences


def _at(rows: pd.DataFrame, model: str, perturbation: str, level: float) -> pd.DataFrame:
    return rows[(rows["model"] == model) & (rows["perturbation"] == perturbation) & (rows["level"] == level)]


def _missed(rows: pd.DataFrame) -> str:
    return f"{int((rows['status'] == 'missed').sum())} of {len(rows)}" if len(rows) else "–"


def _invented(rows: pd.DataFrame) -> str:
    return f"{int((rows['value'] > 0).sum())} of {len(rows)}" if len(rows) else "–"
