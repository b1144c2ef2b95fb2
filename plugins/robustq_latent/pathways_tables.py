"""The table and the sentences of the analyser `pathways`."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import number, percent
from robustq.statistics.bootstrap import bootstrap_interval
from robustq.statistics.group_means import group_means

_COLUMNS = (
    ("dice_clean", "Dice clean"),
    ("dice_perturbed", "Dice perturbed"),
    ("pathway_loss", "loss"),
    ("through_bottleneck", "through the bottleneck"),
    ("around_bottleneck", "around it"),
    ("restorable", "restored by a clean bottleneck"),
)
_WITH_INTERVAL = {"pathway_loss", "through_bottleneck", "around_bottleneck", "restorable"}
_SKIP = "restorable_by_skip_"


class PathMeans:
    """The mean of each pathway figure over groups, with its interval.

    Args:
        rows: rows of an analysis.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        metrics = {metric for metric, _ in _COLUMNS}
        chosen = rows[rows["metric"].isin(metrics) | rows["metric"].str.startswith(_SKIP)]
        self._means = group_means(chosen) if len(chosen) else chosen.assign(value=[])
        self.perturbations: list[str] = list(chosen["perturbation"].unique())
        self.levels: list[float] = sorted(chosen["level"].unique())
        self.skips: list[str] = sorted(metric for metric in chosen["metric"].unique() if metric.startswith(_SKIP))

    def values(self, model: str, metric: str, perturbation: str, level: float) -> np.ndarray:
        """One value for each group."""
        means = self._means
        chosen = means[
            (means["model"] == model)
            & (means["metric"] == metric)
            & (means["perturbation"] == perturbation)
            & (means["level"] == level)
        ]["value"].to_numpy(float)
        finite: np.ndarray = chosen[np.isfinite(chosen)]
        return finite

    def cell(self, model: str, metric: str, perturbation: str, level: float) -> str:
        """The mean over groups, with its 95 % interval where the figure is a difference; – where there is none."""
        values = self.values(model, metric, perturbation, level)
        if not len(values):
            return "–"
        if metric in _WITH_INTERVAL or metric in self.skips:
            return f"{number(float(values.mean()))} {_interval(values)}".rstrip()
        return number(float(values.mean()))


def pathways_grids(rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
    """One table: loss, its two parts and what a clean bottleneck restores, with intervals.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the lines.
        sample: description of the cases, for the title.
    """
    means = PathMeans(rows)
    skips = [(metric, f"restored by clean skip {metric.removeprefix(_SKIP)}") for metric in means.skips]
    columns = [*_COLUMNS, *skips]
    sections = [
        (
            perturbation,
            [
                [model, percent(level), *(means.cell(model, metric, perturbation, level) for metric, _ in columns)]
                for model in models
                for level in means.levels
                if len(means.values(model, "pathway_loss", perturbation, level))
            ],
        )
        for perturbation in means.perturbations
    ]
    notes = [
        "Each figure: the mean over draws, cases and groups (patients), with its 95 % bootstrap interval over groups.",
        "loss = through the bottleneck + around it. Each part is the mean of two changes of Dice: the change when this "
        "path alone is perturbed, and the change when this path alone is made clean.",
        "restored by a clean bottleneck: Dice with the bottleneck of the clean image and everything else perturbed, "
        "minus Dice perturbed. It can be negative, and it is no bound on what another bottleneck could do: a clean "
        "bottleneck beside noisy skips is an input that the decoder was not trained on.",
    ]
    moved = rows[(rows["metric"] == "pathway_loss") & rows["value"].isna() & (rows["reason"] != "")]
    for reason, left_out in moved.groupby("reason", sort=False):
        names = ", ".join(map(str, left_out["perturbation"].unique()))
        notes.append(f"No figures for some cases under {names}: {reason}.")
    return [
        Grid(f"Pathways of noise on {sample}", ["model", "level", *(title for _, title in columns)], sections, notes)
    ]


def pathways_conclusions(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
    """For each model, where the loss passes under the perturbation that costs it most Dice.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the sentences.
    """
    means = PathMeans(rows)
    sentences = []
    for model in models:
        losses = {
            (perturbation, level): float(values.mean())
            for perturbation in means.perturbations
            for level in means.levels
            if len(values := means.values(model, "pathway_loss", perturbation, level))
        }
        if not losses:
            continue
        perturbation, level = max(losses, key=lambda place: losses[place])
        loss = losses[perturbation, level]
        if not loss > 0:
            sentences.append(f"{model}: it loses no Dice under these perturbations, so there is no loss to split.")
            continue
        through, restored = (
            means.cell(model, metric, perturbation, level) for metric in ("through_bottleneck", "restorable")
        )
        sentences.append(
            f"{model}: under {perturbation} of {percent(level)} it loses {number(loss)} Dice, of which {through} pass "
            f"through the bottleneck and the rest around it; a clean bottleneck alone would restore {restored}."
        )
    return sentences


def _interval(values: np.ndarray) -> str:
    """`[0.012, 0.030]`; "" for one group."""
    low, high = bootstrap_interval(values[:, None], lambda means: means[:, 0])
    return "" if math.isnan(low) else f"[{number(low)}, {number(high)}]"
