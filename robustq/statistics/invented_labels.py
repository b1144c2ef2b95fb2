"""What models invent: answers of a label that the truth does not show, of which there is no Dice."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from robustq.report.numbers import number, percent

CASE_LABEL = ["dataset", "domain", "case", "label"]


class Invented(NamedTuple):
    """How often a model answers a label that is not there.

    Attributes:
        model: who answers.
        perturbation: as it stands in the rows.
        level: percent.
        absent: labels of cases that the truth does not show, in at least one draw.
        share: of the answers to these that hold a voxel of the label: the mean over draws, then over labels of cases.
        volume: of what was answered, likewise averaged, what was not invented counted as 0.
        unit: of the volume, such as mm3 or px2.
    """

    model: str
    perturbation: str
    level: float
    absent: int
    share: float
    volume: float
    unit: str


def invented(rows: pd.DataFrame) -> list[Invented]:
    """By model, perturbation, level and unit of volume; empty where every truth shows every label.

    Args:
        rows: of a run, with its auxiliary metrics.
    """
    found = []
    keys = ["model", "perturbation", "level", *CASE_LABEL, "draw"]
    shares = rows[rows["metric"] == "invented"].set_index(keys)["value"].rename("share")
    volumes = rows[rows["metric"] == "invented_volume"].set_index(keys)[["value", "unit"]]
    answers = volumes.rename(columns={"value": "volume"}).join(shares).reset_index()
    curve = ["model", "perturbation", "level", "unit"]
    means = answers.groupby([*curve, *CASE_LABEL], sort=False)[["share", "volume"]].mean()
    for (model, perturbation, level, unit), part in means.groupby(curve, sort=False):
        share, volume = float(part["share"].mean()), float(part["volume"].mean())
        found.append(Invented(str(model), str(perturbation), float(str(level)), len(part), share, volume, str(unit)))
    return found


def invented_notes(found: Sequence[Invented], total: int) -> list[str]:
    """What must be said under figures in which these answers have no part.

    Args:
        found: what `invented` gave.
        total: labels of cases there are, shown or not.
    """
    clean = {each.model: each for each in found if each.level == 0}
    if not clean:
        return []
    told = []
    for model, each in clean.items():
        worst = max((other for other in found if other.model == model), key=lambda other: other.share)
        more = f", at most {number(worst.share)} ({worst.perturbation} at {percent(worst.level)})"
        told.append(f"{model} {number(each.share)}" + (more if worst.share > each.share else ""))
    absent = next(iter(clean.values())).absent
    return [
        f"{absent} of {total} labels of cases are absent from the truth and count in no figure above; share of them "
        f"that is invented at {percent(0)}: {'; '.join(told)}"
    ]
