"""A stress run as a terminal shows it: the verdicts of its page, and a matrix with a small curve in each row."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robustq.report.averaged_note import averaged_note
from robustq.report.grid import Grid
from robustq.report.numbers import count, percent
from robustq.report.page.contents import Chapter
from robustq.report.page.levels import Levels
from robustq.report.page.matrix import Row, matrix
from robustq.report.page.verdict import SETTLED, Verdict
from robustq.report.page.words import metric_words

FEW = 8
"""Largest number of verdicts on single perturbations that are printed without being asked for."""

_BARS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Overview:
    """What is read first.

    Attributes:
        sentences: what the metrics mean, what a reader must not overlook, and the verdicts.
        grids: a small table for each metric.
    """

    sentences: Sequence[str] = ()
    grids: Sequence[Grid] = ()


def overview(chapter: Chapter, data: str, draws: str, notes: Sequence[str], *, details: bool = False) -> Overview:
    """The overview of what a page shows in a chapter.

    Args:
        chapter: the verdicts and the metrics.
        data: name of the dataset.
        draws: the number of draws in words.
        notes: printed under the last table.
        details: whether the verdicts on single perturbations are given even if there are many.
    """
    verdicts = [_sentence(verdict) for verdict in chapter.comparisons]
    if details or len(chapter.verdicts) <= FEW:
        places = list(dict.fromkeys(verdict.where for verdict in chapter.verdicts))
        verdicts += map(_sentence, sorted(chapter.verdicts, key=lambda verdict: places.index(verdict.where)))
    verdicts = list(dict.fromkeys(verdicts))  # the worst of several attacks can stand in both
    settled = [SETTLED] if verdicts else []
    sentences = [*metric_words(chapter.measures), *chapter.alerts, *chapter.seeds, *verdicts, *settled]
    grids = [
        _grid(measure, data, draws, notes if measure is chapter.measures[-1] else ()) for measure in chapter.measures
    ]
    # A table says why there is no value, if there is none.
    return Overview(sentences, grids or chapter.tables)


def _sentence(verdict: Verdict) -> str:
    who = [verdict.where] if verdict.compared else [verdict.where, verdict.model]
    badge = "settled" if verdict.settled else "open"
    text = " ".join(filter(None, (verdict.sentence, *verdict.turned, verdict.change)))
    return f"{', '.join(filter(None, (*who, badge)))}: {text}"


def _grid(measure: Levels, data: str, draws: str, notes: Sequence[str]) -> Grid:
    """A line for each model under each perturbation: the means at both ends, and the whole curve as bars."""
    ends = list(dict.fromkeys((0, len(measure.levels) - 1)))
    kept = measure.is_share and len(ends) > 1
    header = ["perturbation", "model", *(percent(measure.levels[end]) for end in ends)]
    header += ["retention", "curve"] if kept else ["curve"]
    full = _full(measure)
    lines: list[list[str]] = []
    places: list[tuple[str, str]] = []
    for row in matrix(measure):
        place = (row.perturbation, row.domain)
        name = "" if places and places[-1] == place else ", ".join(filter(None, (row.perturbation, row.title)))
        places.append(place)
        retained = [row.cells[-1].retained or "–"] if kept else []
        lines.append([name, row.model, *(row.cells[end].text for end in ends), *retained, _bars(row, full)])
    groups = measure.rows.loc[measure.rows["label"] == "", "groups"]
    least, most = int(groups.min()), int(groups.max())
    over = count(most, "patient") if least == most else f"{least} to {most} patients"
    title = ", ".join(filter(None, (f"{measure.name} on {data}: mean over {over}", draws)))
    reading = [
        *(
            [f"retention: what is kept at {percent(measure.levels[-1])} of the value at {percent(measure.levels[0])}."]
            if kept
            else []
        ),
        _bars_note(measure, full),
        *([averaged_note(measure.averaged)] if measure.averaged else []),
    ]
    return Grid(title, header, [("", lines)], [*reading, *notes], names=2)


def _full(measure: Levels) -> float:
    """The value of a full bar."""
    means = measure.rows.loc[measure.rows["label"] == "", "mean"].to_numpy(float)
    return 1.0 if measure.is_share else float(means[np.isfinite(means)].max(initial=0.0))


def _bars(row: Row, full: float) -> str:
    return "".join(_bar(cell.value, full) for cell in row.cells)


def _bar(value: float, full: float) -> str:
    """A bar for a value; a dot where there is none."""
    if math.isnan(value):
        return "·"
    share = value / full if full > 0 and math.isfinite(value) else float(value > 0)
    return _BARS[max(0, min(len(_BARS) - 1, math.ceil(share * len(_BARS)) - 1))]


def _bars_note(measure: Levels, full: float) -> str:
    unit = f" {measure.unit}" if measure.unit else ""
    better = "higher" if measure.higher_is_better else "lower"
    return (
        f"curve: a bar for each level ({', '.join(percent(level) for level in measure.levels)}), from 0 to "
        f"{full:.{0 if measure.is_share else measure.digits}f}{unit}; {better} is better."
    )
