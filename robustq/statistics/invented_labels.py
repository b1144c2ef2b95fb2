"""What models invent: answers of a label that the truth does not show, of which there is no Dice."""

from typing import NamedTuple

import pandas as pd

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
