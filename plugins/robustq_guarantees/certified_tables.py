"""The table and the sentences of the analyser `certified`."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from robustq.analyser import TableFigure
from robustq.report.grid import Grid
from robustq.report.numbers import count, number, percent, significant, with_interval
from robustq.request.names import CLEAN
from robustq.statistics.bootstrap import mean_interval
from robustq_guarantees.certificate import ALPHA, CHOOSING, TESTING
from robustq_guarantees.group_values import GroupValues, overall
from robustq_guarantees.smoothed_attack import PASSES, STEPS

NO_LABEL = "the truth shows no label"
"""Reason of a case without figures."""

_COLUMNS = {
    "own_dice": "Dice",
    "smoothed_dice": "smoothed",
    "certified_dice": "certified",
    "attacked_dice": "under attack",
    "abstained": "abstained",
    "stays": "codes that stay",
}


def certified_grids(rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
    """One table: the Dice of the model, of the smoothed model, certified and under attack; and the codes.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the lines.
        sample: description of the cases, for the title.
    """
    values = GroupValues(rows, list(_COLUMNS))
    shown = [model for model in models if len(rows[(rows["model"] == model) & (rows["metric"] == "certified_radius")])]
    lines = [[model, *(_cell(values(model, metric)) for metric in _COLUMNS)] for model in shown]
    if not shown:
        return []
    sigma, radius = (overall(rows, shown[0], metric) for metric in ("smoothing_sigma", "certified_radius"))
    title = f"Certified Dice at radius {radius:g} with noise of {percent(100 * sigma)}, on {sample}"
    notes = [
        "Each figure: the mean over cases and groups (patients), with its 95 % bootstrap interval over groups. The "
        f"radius is the L2 length of a change in shares of the intensity range, {_levels(rows)} of pgd@l2.",
        "smoothed: the answer that the model gives most often under gaussian noise. certified: no change within the "
        f"radius brings the smoothed model below it, with confidence {percent(100 * (1 - ALPHA))} for each case "
        f"({CHOOSING} noisy copies choose, {TESTING} test, Holm over voxels). abstained: the share of voxels of "
        "which nothing is certified; they count as answered wrongly.",
        f"under attack: the smoothed model at the image that PGD finds within the radius ({STEPS} steps through the "
        f"mean of {PASSES} noisy passes). The smallest Dice that is possible lies between certified and under attack.",
        "Nothing is certified of the model without smoothing, of larger changes or of changes that another norm "
        "measures, such as noise on every voxel, blur or another scanner, or of other patients.",
        *_code_notes(rows, shown),
    ]
    return [Grid(title, ["model", *_COLUMNS.values()], [("", lines)], notes)]


def certified_table_figures(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[TableFigure]:
    """The figures of the table in full precision.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the figures.
    """
    values = GroupValues(rows, list(_COLUMNS))
    return [
        TableFigure(model, CLEAN, 0.0, metric, float(found.mean()), *mean_interval(found))
        for model in models
        for metric in _COLUMNS
        if len(found := values(model, metric))
    ]


def certified_conclusions(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
    """Below which Dice no change within the radius brings each smoothed model, and what the attack reaches.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the sentences.
    """
    values = GroupValues(rows, list(_COLUMNS))
    sentences = []
    for model in models:
        certified, hit = values(model, "certified_dice"), values(model, "attacked_dice")
        if not len(certified):
            continue
        radius, sigma = overall(rows, model, "certified_radius"), overall(rows, model, "smoothing_sigma")
        sentence = (
            f"{model}: smoothed with noise of {percent(100 * sigma)}, no change of L2 length {radius:g} "
            f"({_levels(rows)} of pgd@l2) brings its mean Dice below {number(float(certified.mean()))}; the attack "
            f"brings it to {number(float(hit.mean()))}"
        )
        below = _below(rows, model)
        if below:
            sentence += (
                f". In {count(below, 'case')} the attack is below the certificate, which is possible with probability "
                f"{percent(100 * ALPHA)} a case or from the sampling of the attacked answer: measure again"
            )
        share = values(model, "stays")
        if len(share):
            sentence += f". The bound of the encoder proves that {percent(100 * float(share.mean()))} of its codes stay"
        sentences.append(f"{sentence}.")
    return sentences


def _below(rows: pd.DataFrame, model: str) -> int:
    """The number of cases in which the attacked smoothed model has a lower Dice than is certified."""
    chosen = rows[(rows["model"] == model) & rows["metric"].isin(["certified_dice", "attacked_dice"])]
    table = chosen.pivot_table(index=["dataset", "case"], columns="metric", values="value")
    return int((table["attacked_dice"] < table["certified_dice"] - 1e-9).sum())


def _levels(rows: pd.DataFrame) -> str:
    """`the level 0.08 %`, or from the lowest to the highest where images differ in size."""
    levels = rows[rows["metric"] == "certified_level"]["value"].astype(float)
    low, high = significant(float(levels.min())), significant(float(levels.max()))
    return f"the level {low} %" if low == high else f"the levels {low} to {high} %"


def _code_notes(rows: pd.DataFrame, models: Sequence[str]) -> list[str]:
    """What the share of codes means, and the bound of each encoder or the layer without one."""
    bounds = rows[(rows["metric"] == "encoder_bound") & rows["model"].isin(models)]
    if bounds.empty:
        return []
    notes = [
        "codes that stay: the share of tokens whose exact margin is at least the radius times an upper bound L of the "
        "encoder's Lipschitz constant, the product of bounds of its layers; no change within the radius can change "
        "these codes. Such a product is far above the true constant, so a share near 0 is expected and does not say "
        "that codes change. It says nothing of the answer, which the skips also reach."
    ]
    for model, value, reason in zip(bounds["model"], bounds["value"], bounds["reason"], strict=True):
        known = value is not None and not math.isnan(value)
        notes.append(f"{model}: L = {significant(float(value))}." if known else f"{model}: no bound: layer {reason}.")
    return notes


def _cell(values: np.ndarray) -> str:
    """`0.120 [0.101, 0.140]`; the mean alone without an interval, – without a value."""
    if not len(values):
        return "–"
    return with_interval(number(float(values.mean())), *mean_interval(values))
