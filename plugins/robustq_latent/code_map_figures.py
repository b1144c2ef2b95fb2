"""Draws the codes of the tokens over the image."""

from collections.abc import Sequence

import torch
from matplotlib import colormaps
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from robustq_latent.code_maps import CodeMap

LEGEND = 12
"""Number of codes that the legend names: the most frequent ones in the maps shown."""


def code_map_figure(maps: Sequence[CodeMap], title: str) -> Figure:
    """A figure with each image alone (upper row) and under its codes (lower row). A code has one colour in all maps.

    Args:
        maps: the maps of one model.
        title: which cases the figure shows.
    """
    codes, counts = torch.cat([code_map.codes.flatten() for code_map in maps]).unique(return_counts=True)
    ordered = codes[counts.argsort(descending=True, stable=True)].tolist()
    place = {code: number for number, code in enumerate(ordered)}
    base = colormaps["tab20"]
    colours = ListedColormap([base(number % 20) for number in range(max(1, len(ordered)))])
    figure = Figure(figsize=(1.6 + 2.6 * len(maps), 5.4), layout="constrained")
    figure.suptitle(title, fontsize="small")
    panels = figure.subplots(2, len(maps), squeeze=False)
    for column, code_map in enumerate(maps):
        height, width = code_map.image.shape
        extent = (-0.5, width - 0.5, height - 0.5, -0.5)
        numbers = code_map.codes.clone().apply_(place.__getitem__)
        for row in (0, 1):
            panel = panels[row][column]
            panel.imshow(code_map.image.numpy(), cmap="gray", extent=extent)
            panel.set_axis_off()
        panels[1][column].imshow(
            numbers.numpy(),
            cmap=colours,
            vmin=-0.5,
            vmax=max(1, len(ordered)) - 0.5,
            alpha=0.5,
            extent=extent,
            interpolation="nearest",
        )
        panels[0][column].set_title(code_map.case, fontsize="small")
    patches = [Patch(color=colours(place[code]), label=f"code {code}") for code in ordered[:LEGEND]]
    more = f"{len(ordered)} codes here" + (f", {LEGEND} named" if len(ordered) > LEGEND else "")
    figure.legend(handles=patches, loc="outside right center", frameon=False, fontsize="small", title=more)
    return figure
