"""The figure of predicted shifts against true shifts."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from robustq.report.line_styles import COLOURS, MARKERS
from robustq.report.numbers import count, percent
from robustq.report.panels import first_of_rows, legend_below, panel_grid, title_panels


def shift_figure(rows: pd.DataFrame) -> Figure:
    """|Jδ| against |Δ| of some tokens, a panel for each perturbation; a level has its own colour and marker.

    On the black line both are equal. If there is a codebook, the axes are in units of each token's own margin, and two
    lines at 1 mark the margin: left of the vertical line a token keeps its code; below the horizontal line the bound
    calls it safe.

    Args:
        rows: rows of one model.
    """
    points = _points(rows)
    in_margins = "token_margin" in points
    perturbations = list(rows[rows["level"] > 0]["perturbation"].unique())
    levels = sorted(points["level"].unique())
    # A sequence, because levels have an order: the strongest is the darkest, also in grey.
    colours = colormaps["viridis_r"](np.linspace(0.1, 1, max(1, len(levels))))
    styles = {
        level: {"color": colours[place], "marker": MARKERS[place % len(MARKERS)]} for place, level in enumerate(levels)
    }
    figure, panels = panel_grid(max(1, len(perturbations)), sharex=True, sharey=True)
    title_panels(figure, panels, [str(name) for name in perturbations] or [""])
    for panel, perturbation in zip(panels, perturbations, strict=False):
        _draw(panel, points[points["perturbation"] == perturbation], styles, in_margins=in_margins)
    for panel in first_of_rows(panels):
        panel.set_ylabel("predicted |Jδ| / margin m" if in_margins else "predicted shift |Jδ|")
    tokens = len(points[["domain", "case", "label"]].drop_duplicates())
    over = f"{count(tokens, 'token')} of {count(points['case'].nunique(), 'case')}"
    legend_below(figure, [*_handles(styles, in_margins=in_margins), Line2D([], [], linestyle="", label=over)])
    figure.set_label(f"First-order prediction of the shift of a token against its true shift, {over}, by level")
    return figure


def _points(rows: pd.DataFrame) -> pd.DataFrame:
    """One row for each sampled token and level, with its shifts as `x` and `y`; in margins if there is a codebook."""
    sampled = rows[rows["metric"].isin(["token_predicted_shift", "token_true_shift", "token_margin"])]
    table = sampled.pivot_table(
        index=["perturbation", "level", "domain", "case", "label"], columns="metric", values="value", sort=False
    ).reset_index()
    if "token_margin" in table:
        table = table[np.isfinite(table["token_margin"]) & (table["token_margin"] > 0)]
    scale = table.get("token_margin", 1.0)
    table = table.assign(x=table["token_true_shift"] / scale, y=table["token_predicted_shift"] / scale)
    return table[(table["x"] > 0) & (table["y"] > 0)]  # the axes are logarithmic


def _draw(panel: Axes, points: pd.DataFrame, styles: Mapping[float, Mapping[str, Any]], *, in_margins: bool) -> None:
    """The points of one perturbation, level by level, and the lines."""
    for level, style in styles.items():
        of_level = points[points["level"] == level]
        panel.scatter(of_level["x"], of_level["y"], s=9, alpha=0.6, linewidths=0, rasterized=True, **style)
    panel.axline((1, 1), (10, 10), color="black", linewidth=0.8)
    if in_margins:
        panel.axvline(1, color=COLOURS[1], linewidth=1)
        panel.axhline(1, color=COLOURS[1], linewidth=1, linestyle="--")
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlabel("true shift |Δ| / margin m" if in_margins else "true shift |Δ|")


def _handles(styles: Mapping[float, Mapping[str, Any]], *, in_margins: bool) -> list[Line2D]:
    """The entries of the legend: levels, then lines."""
    handles = [Line2D([], [], linestyle="", label=percent(level), **style) for level, style in styles.items()]
    handles.append(Line2D([], [], color="black", linewidth=0.8, label="prediction = truth"))
    if in_margins:
        handles.append(Line2D([], [], color=COLOURS[1], label="left: code kept"))
        handles.append(Line2D([], [], color=COLOURS[1], linestyle="--", label="below: bound says safe"))
    return handles
