"""The figure of predicted shifts against true shifts."""

import numpy as np
import pandas as pd
from matplotlib import colormaps
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
    names = ["token_predicted_shift", "token_true_shift", "token_margin"]
    sampled = rows[rows["metric"].isin(names)]
    table = sampled.pivot_table(
        index=["perturbation", "level", "domain", "case", "label"], columns="metric", values="value", sort=False
    ).reset_index()
    quantised = "token_margin" in table
    if quantised:
        table = table[np.isfinite(table["token_margin"]) & (table["token_margin"] > 0)]
    scale = table["token_margin"] if quantised else 1.0
    table = table.assign(x=table["token_true_shift"] / scale, y=table["token_predicted_shift"] / scale)
    table = table[(table["x"] > 0) & (table["y"] > 0)]
    perturbations = list(rows[rows["level"] > 0]["perturbation"].unique())
    levels = sorted(table["level"].unique())
    # A sequence, because levels have an order: the strongest is the darkest, also in grey.
    colours = colormaps["viridis_r"](np.linspace(0.1, 1, max(1, len(levels))))
    figure, panels = panel_grid(max(1, len(perturbations)), sharex=True, sharey=True)
    title_panels(figure, panels, [str(name) for name in perturbations] or [""])
    for panel, perturbation in zip(panels, perturbations, strict=False):
        for place, level in enumerate(levels):
            points = table[(table["perturbation"] == perturbation) & (table["level"] == level)]
            panel.scatter(
                points["x"],
                points["y"],
                s=9,
                alpha=0.6,
                linewidths=0,
                color=colours[place],
                marker=MARKERS[place % len(MARKERS)],
                rasterized=True,
            )
        panel.axline((1, 1), (10, 10), color="black", linewidth=0.8)
        if quantised:
            panel.axvline(1, color=COLOURS[1], linewidth=1)
            panel.axhline(1, color=COLOURS[1], linewidth=1, linestyle="--")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xlabel("true shift |Δ| / margin m" if quantised else "true shift |Δ|")
    for panel in first_of_rows(panels):
        panel.set_ylabel("predicted |Jδ| / margin m" if quantised else "predicted shift |Jδ|")
    tokens = len(table[["domain", "case", "label"]].drop_duplicates())
    over = f"{count(tokens, 'token')} of {count(table['case'].nunique(), 'case')}"
    handles = [
        Line2D([], [], linestyle="", color=colours[place], marker=MARKERS[place % len(MARKERS)], label=percent(level))
        for place, level in enumerate(levels)
    ]
    handles.append(Line2D([], [], color="black", linewidth=0.8, label="prediction = truth"))
    if quantised:
        handles.append(Line2D([], [], color=COLOURS[1], label="left: code kept"))
        handles.append(Line2D([], [], color=COLOURS[1], linestyle="--", label="below: bound says safe"))
    handles.append(Line2D([], [], linestyle="", label=over))
    legend_below(figure, handles)
    figure.set_label(f"First-order prediction of the shift of a token against its true shift, {over}, by level")
    return figure
