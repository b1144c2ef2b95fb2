"""The figure of predicted shifts against true shifts."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from robustq.report.numbers import percent


def shift_figure(rows: pd.DataFrame) -> Figure:
    """|Jδ| against |Δ| of some tokens, a panel for each perturbation, coloured by level.

    On the black line both are equal. If there is a codebook, the axes are in units of each token's own margin, and two
    red lines at 1 mark the margin: left of the vertical line a token keeps its code; below the horizontal line the
    bound calls it safe.

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
    figure = Figure(figsize=(1.2 + 3.3 * max(1, len(perturbations)), 3.5), layout="constrained")
    panels = figure.subplots(1, max(1, len(perturbations)), sharex=True, sharey=True, squeeze=False)[0]
    for panel, perturbation in zip(panels, perturbations, strict=False):
        panel_points = table[table["perturbation"] == perturbation]
        for level, points in panel_points.groupby("level"):
            panel.scatter(points["x"], points["y"], s=5, alpha=0.5, linewidths=0, label=percent(float(str(level))))
        panel.axline((1, 1), (10, 10), color="black", linewidth=0.8)
        if quantised:
            panel.axvline(1, color="tab:red", linewidth=0.9)
            panel.axhline(1, color="tab:red", linewidth=0.9, linestyle="--")
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_title(perturbation)
        panel.set_xlabel("true shift |Δ| / margin m" if quantised else "true shift |Δ|")
    panels[0].set_ylabel("predicted |Jδ| / margin m" if quantised else "predicted shift |Jδ|")
    if panels[-1].collections:  # if the codebook has one code, no token has a finite margin
        panels[-1].legend(frameon=False, fontsize="small", markerscale=2)
    return figure
