"""The table and the sentences of the analyser `pathways`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import number, percent, with_interval
from robustq.statistics.bootstrap import mean_interval
from robustq.statistics.group_means import group_means

_LOSS = (
    ("pathway_loss", "loss"),
    ("through_bottleneck", "through the bottleneck"),
    ("around_bottleneck", "around it"),
)
_RESTORED = (
    ("dice_clean", "Dice clean"),
    ("dice_perturbed", "perturbed"),
    ("restorable", "bottleneck"),
)
_WITH_INTERVAL = {"pathway_loss", "through_bottleneck", "around_bottleneck", "restorable"}
_SKIP = "restorable_by_skip_"


class PathMeans:
    """The mean of each pathway figure over groups, with its interval.

    Args:
        rows: rows of an analysis.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        metrics = {metric for metric, _ in (*_LOSS, *_RESTORED)}
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
            return with_interval(number(float(values.mean())), *mean_interval(values))
        return number(float(values.mean()))


def pathways_grids(rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
    """A table of the loss and its two parts, and one of what holding a part of the network clean restores.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the lines.
        sample: description of the cases, for the title.
    """
    means = PathMeans(rows)
    interval = (
        "Each figure: the mean over draws, cases and groups (patients); differences with their 95 % bootstrap interval "
        "over groups."
    )
    loss_notes = [
        interval,
        "loss = through the bottleneck + around it. Each part is the mean of two changes of Dice: the change when this "
        "path alone is perturbed, and the change when this path alone is made clean.",
    ]
    left_out = rows[(rows["metric"] == "pathway_loss") & rows["value"].isna() & (rows["reason"] != "")]
    for reason, rows_left_out in left_out.groupby("reason", sort=False):
        names = ", ".join(map(str, rows_left_out["perturbation"].unique()))
        loss_notes.append(f"No figures for some cases under {names}: {reason}.")
    skips = [(metric, f"skip {metric.removeprefix(_SKIP)}") for metric in means.skips]
    return [
        _grid(means, models, f"Pathways of noise on {sample}", _LOSS, loss_notes),
        _grid(
            means,
            models,
            f"What a clean part restores, on {sample}",
            [*_RESTORED, *skips],
            [
                interval,
                "bottleneck, skip 1, ...: Dice with this part from the clean image and everything else perturbed, "
                "minus Dice perturbed. It can be negative, and it is no bound on what another bottleneck could do: a "
                "clean bottleneck beside noisy skips is an input that the decoder was not trained on.",
            ],
        ),
    ]


def _grid(
    means: PathMeans, models: Sequence[str], title: str, columns: Sequence[tuple[str, str]], notes: Sequence[str]
) -> Grid:
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
    return Grid(title, ["model", "level", *(name for _, name in columns)], sections, notes)


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
