"""Figures of a codebook: its radii, and its place among the embeddings."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from robustq.report.figure_style import current_style
from robustq.report.line_styles import COLOURS
from robustq.report.numbers import number
from robustq.report.panels import legend_below
from robustq_latent.codebook_map import CodebookMap


def radius_histogram(rows: pd.DataFrame) -> Figure:
    """Histogram of r_i, with codes in use and unused codes apart, and r as a line.

    Args:
        rows: rows of one model; if there are several stages, all are drawn together.
    """
    radius = rows[rows["metric"] == "r_i"].set_index("label")["value"]
    used = set(rows[(rows["metric"] == "code_usage") & (rows["domain"] == "")]["label"])
    finite = radius[np.isfinite(radius.to_numpy(float))]
    figure = Figure(figsize=current_style().size(1, 2, (3.2, 1.7)), layout="constrained")
    # A thousand unused codes would hide ten codes in use, so each panel has its own scale.
    panels = figure.subplots(2, 1, sharex=True)
    edges = np.histogram_bin_edges(finite.to_numpy(float), bins=40).tolist()
    for panel, panel_radii, name, colour in (
        (panels[0], finite[finite.index.isin(used)], "in use", COLOURS[1]),
        (panels[1], finite[~finite.index.isin(used)], "unused", "0.6"),
    ):
        panel.hist(panel_radii.to_numpy(float), bins=edges, color=colour, label=f"{name} ({len(panel_radii)})")
        for r in rows[rows["metric"] == "r"]["value"].dropna():
            panel.axvline(r, color="black", linewidth=1, linestyle="--", label=f"r = {r:.3g} (equation 3)")
        panel.set_ylabel("codes")
        # Room for the legend above the bars; codes are counted in whole numbers.
        panel.margins(y=0.45)
        panel.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        panel.legend(frameon=False)
    panels[1].set_xlabel("r_i, half the distance to the nearest other vector")
    figure.set_label("Radii of the codes in use and of the unused codes, each on its own scale")
    return figure


def codebook_map_figure(places: CodebookMap) -> Figure:
    """The first two principal components of the embeddings, with the codebook in the same plane."""
    embeddings, vectors, counts = places.embeddings.numpy(), places.vectors.numpy(), places.counts.numpy()
    unused, in_use = vectors[counts == 0], vectors[counts > 0]
    figure = Figure(figsize=current_style().size(1, 1, (3.2, 2.9)), layout="constrained")
    panel = figure.subplots()
    label = f"embeddings ({len(embeddings)})"
    panel.scatter(
        embeddings[:, 0],
        embeddings[:, 1],
        s=4,
        alpha=0.35,
        color=COLOURS[0],
        label=label,
        linewidths=0,
        rasterized=True,
    )
    # Unused codes are drawn on top, because a large marker of a code in use would hide a crowd of them.
    panel.scatter(
        unused[:, 0],
        unused[:, 1],
        s=8,
        color="0.2",
        marker="x",
        linewidths=0.8,
        label=f"unused codes ({len(unused)})",
        zorder=3,
    )
    size = 20 + 80 * np.sqrt(counts[counts > 0] / counts.max())
    label = f"codes in use ({len(in_use)})"
    panel.scatter(in_use[:, 0], in_use[:, 1], s=size, color=COLOURS[1], edgecolor="black", linewidths=0.6, label=label)
    share = number(100 * places.share, 0)
    panel.set_xlabel("first principal component of the embeddings")
    panel.set_ylabel("second")
    figure.suptitle(f"two principal components, {share} % of the embeddings' variance")
    legend_below(figure, panel.get_legend_handles_labels()[0])
    figure.set_label("Codebook and embeddings in one plane; a code that is chosen more often is larger")
    return figure
