"""The figure of a search of minimal levels: how many patients hold at each level."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import beta

from robustq.report.curve_panel import band_handle, over_patients
from robustq.report.line_styles import BAND, line_style
from robustq.report.panels import legend_below, panel_grid
from robustq.request.levels import HIGHEST
from robustq.statistics.bootstrap import CONFIDENCE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def minimal_figure(groups: pd.DataFrame, about: str, threshold: float) -> "Figure":
    """The share of patients whose minimal level lies above each level, a step line for each model.

    The band is the Clopper-Pearson interval of the share at each level by itself.

    Args:
        groups: one row for each model and group: its `level`, the median over its cases, and whether it is `censored`.
        about: what was searched and on what data.
        threshold: the Dice below which a case fails.
    """
    figure, (panel,) = panel_grid(1)
    for place, (model, of_model) in enumerate(groups.groupby("model", sort=False)):
        style = line_style(place)
        levels = of_model["level"].to_numpy(float)
        # All searches end at the same level, so that the share that holds is the Kaplan-Meier curve.
        fallen = np.where(of_model["censored"].astype(bool), np.inf, levels)
        level = np.unique([0.0, *levels, HIGHEST])
        holding = np.array([(fallen > at).sum() for at in level])
        low, high = _interval(holding, len(fallen))
        # Markers at every level of a patient would hide the line.
        panel.step(
            level,
            holding / len(fallen),
            where="post",
            label=str(model),
            markersize=4,
            markevery=max(1, len(level) // 8),
            **style,
        )
        panel.fill_between(level, low, high, step="post", color=style["color"], **BAND)
    panel.set_xlim(0, HIGHEST)
    panel.set_ylim(0, 1.02)
    panel.set_xlabel("level [%]")
    panel.set_ylabel(f"share of patients that hold\n(Dice ≥ {threshold:g}; higher is better)")
    panel.grid(alpha=0.3)
    figure.suptitle(about)
    band = f"95 % interval of the share {over_patients(groups.groupby('model').size())}"
    legend_below(figure, [*panel.lines, band_handle(band)])
    figure.set_label(
        f"Share of patients whose Dice is not below {threshold:g} up to a level, higher is better; band: {band}, "
        "Clopper-Pearson, at each level by itself; a patient with several cases falls at their median level"
    )
    return figure


def _interval(successes: np.ndarray, groups: int) -> tuple[np.ndarray, np.ndarray]:
    tail = (1 - CONFIDENCE) / 2
    low = np.where(successes > 0, beta.ppf(tail, successes, groups - successes + 1), 0.0)
    high = np.where(successes < groups, beta.ppf(1 - tail, successes + 1, groups - successes), 1.0)
    return low, high
