"""Draws the codes of the tokens over the image."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from robustq.report.figure_style import current_style
from robustq.report.numbers import count
from robustq.report.panels import legend_below
from robustq_latent.code_maps import CodeMap

COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#F0E442", "#56B4E9", "#E69F00", "#0000FF"),
    *("#00FF00", "#FF00E1", "#5A4B0F", "#694BD2", "#FF005A", "#FFD2A5", "#4BA500", "#00FF96"),
    *("#00FFFF", "#871E2D", "#C3F096", "#870078", "#F087FF", "#FF3CA5", "#FF8778", "#0F5A00"),
)
"""Colours that are at least 25 apart in CIELAB; matplotlib's tab20 has colours that are 17 apart."""

OTHERS = "#808080"
"""Colour of all codes that have none of their own."""


def code_map_figure(maps: Sequence[CodeMap], title: str) -> Figure:
    """A figure with each image alone (upper row) and under its codes (lower row). A code has one colour in all maps.

    The most frequent codes in the maps have a colour of their own. The others share a grey, and the legend says how
    many they are.

    Args:
        maps: the maps of one model.
        title: which cases the figure shows.
    """
    codes, counts = torch.cat([code_map.codes.flatten() for code_map in maps]).unique(return_counts=True)
    ordered = codes[counts.argsort(descending=True, stable=True)].tolist()
    coloured, others = ordered[: len(COLOURS)], ordered[len(COLOURS) :]
    place = {code: min(number, len(COLOURS)) for number, code in enumerate(ordered)}
    colours = ListedColormap([*COLOURS, OTHERS])
    figure = Figure(figsize=current_style().size(len(maps), 2, (2.6, 2.6)), layout="constrained")
    figure.suptitle(title)
    panels = figure.subplots(2, len(maps), squeeze=False)
    for column, code_map in enumerate(maps):
        height, width = code_map.image.shape
        extent = (-0.5, width - 0.5, height - 0.5, -0.5)
        numbers = np.vectorize(place.__getitem__)(code_map.codes.numpy())
        for row in (0, 1):
            panel = panels[row][column]
            panel.imshow(code_map.image.numpy(), cmap="gray", extent=extent)
            panel.set_axis_off()
        panels[1][column].imshow(
            numbers, cmap=colours, vmin=-0.5, vmax=len(COLOURS) + 0.5, alpha=0.6, extent=extent, interpolation="nearest"
        )
        panels[0][column].set_title(code_map.case)
    patches = [Patch(color=COLOURS[place[code]], label=f"code {code}") for code in coloured]
    if others:
        share = 100 * float(counts[torch.isin(codes, torch.tensor(others))].sum() / counts.sum())
        patches.append(Patch(color=OTHERS, label=f"{count(len(others), 'other code')}, {share:.0f} % of the tokens"))
    legend_below(figure, patches)
    figure.set_label(f"The code of each token over the image, {count(len(ordered), 'code')}; the frequent ones first")
    return figure
