"""Measures invented labels: a model predicts a label that the truth does not have, so there is no Dice for it."""

from typing import NamedTuple

import pandas as pd

CASE_LABEL = ["dataset", "domain", "case", "label"]


class Invented(NamedTuple):
    """How often a model predicts labels that the truth does not have, at one level of one perturbation.

    Attributes:
        model: name of the model.
        perturbation: name of the perturbation, as in the rows.
        level: percent.
        absent: number of pairs of a case and a label that the truth does not have, in at least one draw.
        share: share of the answers to these pairs that hold a voxel of the label: the mean over draws, then over pairs.
        volume: volume of the label in these answers, averaged in the same way; 0 in an answer without the label.
        unit: unit of the volume, such as mm3 or px2.
    """

    model: str
    perturbation: str
    level: float
    absent: int
    share: float
    volume: float
    unit: str


def invented(rows: pd.DataFrame) -> list[Invented]:
    """Invented labels by model, perturbation, level and unit of volume; empty if every truth shows every label.

    Args:
        rows: rows of a run, including those of the metrics `invented` and `invented_volume`.
    """
    summaries = []
    rows = rows[rows["value"].notna()]  # without answers that are not finite
    keys = ["model", "perturbation", "level", *CASE_LABEL, "draw"]
    shares = rows[rows["metric"] == "invented"].set_index(keys)["value"].rename("share")
    volumes = rows[rows["metric"] == "invented_volume"].set_index(keys)[["value", "unit"]]
    answers = volumes.rename(columns={"value": "volume"}).join(shares).reset_index()
    curve = ["model", "perturbation", "level", "unit"]
    means = answers.groupby([*curve, *CASE_LABEL], sort=False)[["share", "volume"]].mean()
    for (model, perturbation, level, unit), pairs in means.groupby(curve, sort=False):
        share, volume = float(pairs["share"].mean()), float(pairs["volume"].mean())
        summary = Invented(str(model), str(perturbation), float(str(level)), len(pairs), share, volume, str(unit))
        summaries.append(summary)
    return summaries
