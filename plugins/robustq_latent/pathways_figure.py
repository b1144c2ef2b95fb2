"""The figure of the analyser `pathways`: the two parts of the loss of Dice against the level."""

from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING

import pandas as pd

from robustq.report.curve_panel import band_handle, draw_curve, over_patients
from robustq.report.line_styles import line_style
from robustq.report.panels import first_of_rows, legend_below, panel_grid, title_panels
from robustq.statistics import curve_intervals, group_means

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARTS = {"through_bottleneck": "through the bottleneck", "around_bottleneck": "around it"}


def pathways_figure(rows: pd.DataFrame, models: Sequence[str]) -> "Figure":
    """A panel for each model, a line for each part of the loss, and the interval of the mean as a band.

    Args:
        rows: rows of the two parts, of one perturbation.
        models: models in the order of the panels.
    """
    table = curve_intervals(group_means(rows), higher_is_better=False)
    shown = [model for model in models if model in set(table["model"])]
    figure, panels = panel_grid(len(shown), sharey=True)
    for (panel, model), (place, (metric, name)) in product(zip(panels, shown, strict=True), enumerate(_PARTS.items())):
        curve = table[(table["model"] == model) & (table["metric"] == metric)]
        # At level 0 nothing is lost, by definition.
        start = dict.fromkeys(("level", "mean", "low", "high"), 0.0)
        curve = pd.concat([pd.DataFrame([start]), curve[list(start)]], ignore_index=True)
        draw_curve(panel, curve, ("mean", "low", "high"), {**line_style(place), "label": name})
    title_panels(figure, panels, shown)
    for panel in panels:
        panel.axhline(0, color="0.6", linewidth=0.8)
        panel.set_xlabel("level [%]")
        panel.grid(alpha=0.3)
    for panel in first_of_rows(panels):
        panel.set_ylabel("loss of Dice\n(lower is better)")
    over = over_patients(table["groups"][table["groups"] > 0])
    band = f"95 % interval of the mean {over}" if table["low"].notna().any() else f"no band: no interval {over}"
    legend_below(figure, [*panels[0].lines[: len(_PARTS)], band_handle(band)])
    figure.set_label(f"Loss of Dice under {rows['perturbation'].iloc[0]} by pathway, lower is better; band: {band}")
    return figure
