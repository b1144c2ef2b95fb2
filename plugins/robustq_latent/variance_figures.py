"""Figures of latent variance: the heat maps of Fig. 2, and the flip rate against the level."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from robustq.report.numbers import percent
from robustq.statistics.group_means import group_means, summarise

CASES = 100
"""Largest number of cases in a heat map, as in the paper."""

_OVER = ("in each network's own squared unit", "over an element's mean clean variance")


def heat_map(elements: pd.DataFrame, clean: Mapping[str, float]) -> Figure:
    """Variance over draws of some elements (x) of each case (y), a row of panels for each level.

    The left half shows the variance itself, the right half the variance divided by the mean clean variance. Each half
    has one colour scale for all models, so that models can be compared within it.

    Args:
        elements: rows with `element_variance` of one perturbation.
        clean: mean clean variance of an element, by model; 0 if the latents are constant.
    """
    models, levels = list(clean), sorted(elements["level"].unique())
    maps = {
        (model, level): _map(elements[(elements["model"] == model) & (elements["level"] == level)])
        for model in models
        for level in levels
    }
    width = len(models)
    figure = Figure(figsize=(1.2 + 3.2 * width, 0.9 + 1.7 * len(levels)), layout="constrained")
    halves = figure.subfigures(1, 2, squeeze=False)[0]
    for half, title, over in zip(halves, ("raw", "relative"), _OVER, strict=True):
        scales = {model: 1 / (clean[model] or np.inf) if title == "relative" else 1.0 for model in models}
        highest = max(float(values.max()) * scales[model] for (model, _), values in maps.items())
        panels = half.subplots(len(levels), width, squeeze=False)
        for (row, level), (column, model) in product(enumerate(levels), enumerate(models)):
            panel = panels[row][column]
            image = panel.imshow(
                maps[model, level] * scales[model], aspect="auto", vmin=0, vmax=highest or 1, interpolation="nearest"
            )
            panel.set_xticks([])
            panel.set_yticks([])
            if row == 0:
                panel.set_title(model, fontsize="small")
            if row == len(levels) - 1:
                panel.set_xlabel("elements", fontsize="small")
            if column == 0:
                panel.set_ylabel(f"{percent(level)}\ncases", fontsize="small")
        half.colorbar(image, ax=list(panels.flat), shrink=0.6)
        half.suptitle(f"{title} variance\n{over}", fontsize="small")
    return figure


def _map(rows: pd.DataFrame) -> np.ndarray:
    table = rows.assign(element=rows["label"].astype(int)).pivot_table(
        index=["domain", "case"], columns="element", values="value", sort=True
    )
    return table.to_numpy(float)[:CASES]


def flip_rate_figure(flips: pd.DataFrame, models: Sequence[str]) -> Figure:
    """A panel for each perturbation, a line for each model, mean ± sd over groups as a band."""
    summary = summarise(group_means(flips))
    perturbations = list(flips["perturbation"].unique())
    # The legend names every model. A panel that is lower than its legend would be squeezed to nothing.
    height = max(3.4, 1 + 0.2 * len(models))
    figure = Figure(figsize=(1.2 + 3.2 * len(perturbations), height), layout="constrained")
    panels = figure.subplots(1, len(perturbations), sharey=True, squeeze=False)[0]
    for panel, perturbation in zip(panels, perturbations, strict=True):
        for model in models:
            curve = summary[(summary["perturbation"] == perturbation) & (summary["model"] == model)]
            if curve.empty:
                continue
            # At level 0 no token flips, by definition.
            level = np.array([0.0, *curve["level"]])
            mean, sd = np.array([0.0, *curve["mean"]]), np.nan_to_num(np.array([0.0, *curve["sd"]]))
            (line,) = panel.plot(level, mean, marker="o", markersize=3, label=model)
            panel.fill_between(level, mean - sd, mean + sd, alpha=0.12, color=line.get_color(), linewidth=0)
        panel.set_title(perturbation)
        panel.set_xlabel("level [%]")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("share of tokens that flip")
    panels[0].set_ylim(0, 1.02)
    panels[-1].legend(frameon=False, fontsize="small")
    return figure
