"""The figure of predictions: what each model answers at each level."""

from typing import TYPE_CHECKING

import numpy as np

from robustq.report.figure_style import current_style
from robustq.report.level_pictures import LevelPictures
from robustq.report.numbers import listed, percent
from robustq.report.panels import legend_below

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 6
"""Largest number of levels side by side."""

TRUTH, ANSWER = "#F0E442", "#D55E00"
"""Colours of the outlines; in grey the truth is light, and the answer is broken."""


def predictions_figure(pictures: LevelPictures) -> "Figure":
    """A row for each model, a column for each level: the image with the outlines of truth and answer.

    Of more than six levels, six are drawn, the lowest and the highest among them.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    count = len(pictures.levels)
    places = (
        sorted({round(place * (count - 1) / (MOST - 1)) for place in range(MOST)}) if count > MOST else range(count)
    )
    left_out = [percent(level) for place, level in enumerate(pictures.levels) if place not in places]
    models = list(pictures.images)
    height, width = pictures.images[models[0]].shape[1:]
    # The score stands below each image.
    panel = (2.1, 2.1 * height / width + 0.3)
    figure = Figure(figsize=current_style().size(len(places), len(models), panel), layout="constrained")
    panels = figure.subplots(len(models), len(places), squeeze=False)
    for row, model in zip(panels, models, strict=True):
        for cell, place in zip(row, places, strict=True):
            cell.imshow(pictures.images[model][place], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            _outline(cell, pictures.truths[model][place], TRUTH, "solid")
            _outline(cell, pictures.answers[model][place], ANSWER, "dashed")
            cell.set_xticks([])
            cell.set_yticks([])
            cell.set_xlabel(pictures.scores[model][place])
        row[0].set_ylabel(model)
    for cell, place in zip(panels[0], places, strict=True):
        cell.set_title(percent(pictures.levels[place]))
    more = f"; {listed(left_out)} left out" if left_out else ""
    figure.suptitle(f"case {pictures.case}, {pictures.perturbation}{more}")
    legend_below(
        figure,
        [
            Line2D([], [], color=TRUTH, linewidth=1.5, label="truth", path_effects=_edge()),
            Line2D([], [], color=ANSWER, linewidth=1.5, linestyle="dashed", label="answer"),
        ],
    )
    figure.set_label("Image, truth and answers in draw 0 at each level; below, the score of the whole case")
    return figure


def _edge() -> "list[object]":
    """A dark edge, without which a light line is lost on white."""
    from matplotlib.patheffects import Normal, Stroke

    return [Stroke(linewidth=2.2, foreground="0.3"), Normal()]


def _outline(cell: "Axes", labels: np.ndarray, colour: str, style: str) -> None:
    """Draw the border of each label."""
    for label in np.unique(labels[labels > 0]):
        # A ring of background around the slice closes the outlines that touch its edge.
        inside = np.pad((labels == label).astype(float), 1)
        axes = np.arange(-1, inside.shape[1] - 1), np.arange(-1, inside.shape[0] - 1)
        cell.contour(*axes, inside, levels=[0.5], colors=colour, linewidths=1, linestyles=style)
    height, width = labels.shape
    cell.set_xlim(-0.5, width - 0.5)
    cell.set_ylim(height - 0.5, -0.5)
