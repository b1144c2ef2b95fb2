"""Figures of latent variance: the heat maps of Fig. 2, and the flip rate against the level."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from robustq.report.curve_panel import band_handle, draw_curve, over_patients
from robustq.report.figure_style import current_style
from robustq.report.line_styles import line_style
from robustq.report.numbers import percent
from robustq.report.panels import first_of_rows, legend_below, panel_grid, title_panels
from robustq.statistics import curve_intervals, group_means

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

CASES = 100
"""Largest number of cases in a heat map, as in the paper."""

DECADES = 6
"""Powers of ten between the smallest and the largest colour; what is smaller has the smallest one."""

ZERO = "0.75"
"""Colour of a variance of 0, which has no place on a logarithmic scale."""


def heat_map(elements: pd.DataFrame, clean: Mapping[str, float]) -> Figure:
    """Variance over draws of some elements (x) of each case (y): a row of panels for each model, a column a level.

    The upper part shows the variance itself. Its unit is each network's own, so each row has a colour bar. The lower
    part shows the variance divided by the mean clean variance; it has no unit, so all models share one colour bar.

    Args:
        elements: rows with `element_variance` of one perturbation.
        clean: mean clean variance of an element, by model; 0 if the latents are constant.
    """
    models, levels = list(clean), sorted(elements["level"].unique())
    maps = {
        model: [_map(elements[(elements["model"] == model) & (elements["level"] == level)]) for level in levels]
        for model in models
    }
    relative = {model: [values / clean[model] for values in maps[model]] for model in models if clean[model] > 0}
    rows = len(models) + len(relative)
    figure = Figure(figsize=current_style().size(len(levels), rows, (1.9, 1.3)), layout="constrained")
    parts = figure.subfigures(
        1 + bool(relative), 1, squeeze=False, height_ratios=[len(models), *([len(relative)] if relative else [])]
    )[:, 0]
    panels = parts[0].subplots(len(models), len(levels), squeeze=False)
    for row, (model, values) in enumerate(maps.items()):
        _draw_row(panels[row], model, values, _scale(values))
        _colour_bar(parts[0], panels[row], values, "own unit²")
    parts[0].suptitle("variance over draws, in the squared unit of each network's own latents")
    if relative:
        panels_of_relative = parts[1].subplots(len(relative), len(levels), squeeze=False)
        everything = [values for of_model in relative.values() for values in of_model]
        for row, (model, values) in enumerate(relative.items()):
            _draw_row(panels_of_relative[row], model, values, _scale(everything))
        _colour_bar(parts[1], panels_of_relative.flatten(), everything, "relative variance")
        panels = panels_of_relative
        parts[1].suptitle("relative: divided by an element's mean clean variance")
    for panel, level in zip(parts[0].axes[: len(levels)], levels, strict=True):
        panel.set_title(percent(level))
    for panel in panels[-1]:
        panel.set_xlabel("elements")
    if any((values == 0).any() for of_model in maps.values() for values in of_model):
        legend_below(figure, [Patch(color=ZERO, label="exactly 0: no draw changes the element")])
    figure.set_label(
        "Variance of single elements of the latents (from left to right) of each case (from top to bottom), by level; "
        "logarithmic colours"
    )
    return figure


def _scale(maps: Sequence[np.ndarray]) -> LogNorm:
    """A logarithmic scale of colours that ends at the largest value."""
    positive = np.concatenate([values[values > 0] for values in maps])
    highest = float(positive.max(initial=0)) or 1.0
    lowest = max(float(positive.min(initial=highest)), highest / 10**DECADES)
    return LogNorm(min(lowest, highest / 10), highest)


def _draw_row(panels: "Sequence[Axes]", model: str, maps: Sequence[np.ndarray], scale: LogNorm) -> None:
    colours = colormaps["viridis"].with_extremes(bad=ZERO)
    for panel, values in zip(panels, maps, strict=True):
        visible = np.where(values > 0, np.maximum(values, scale.vmin or 0), np.nan)
        panel.imshow(visible, cmap=colours, norm=scale, aspect="auto", interpolation="nearest")
        panel.set_xticks([])
        panel.set_yticks([])
    panels[0].set_ylabel(f"{model}\ncases")


def _colour_bar(part: "SubFigure", panels: "Sequence[Axes]", maps: Sequence[np.ndarray], label: str) -> None:
    """One colour bar for panels of one unit; its end is pointed where smaller values have its last colour."""
    image, (low, _) = panels[0].images[0], panels[0].images[0].get_clim()
    smaller = any(((values > 0) & (values < low)).any() for values in maps)
    part.colorbar(image, ax=list(panels), label=label, extend="min" if smaller else "neither")


def _map(rows: pd.DataFrame) -> np.ndarray:
    table = rows.assign(element=rows["label"].astype(int)).pivot_table(
        index=["domain", "case"], columns="element", values="value", sort=True
    )
    return table.to_numpy(float)[:CASES]


def flip_rate_figure(flips: pd.DataFrame, models: Sequence[str]) -> Figure:
    """A panel for each perturbation, a line for each model, and the interval of the mean as a band."""
    table = curve_intervals(group_means(flips), higher_is_better=False)
    perturbations = list(flips["perturbation"].unique())
    figure, panels = panel_grid(len(perturbations), sharey=True)
    lines: dict[str, Line2D] = {}
    for (panel, perturbation), (place, model) in product(zip(panels, perturbations, strict=True), enumerate(models)):
        curve = table[(table["perturbation"] == perturbation) & (table["model"] == model)]
        if curve.empty:
            continue
        # At level 0 no token flips, by definition.
        start = dict.fromkeys(("level", "mean", "low", "high"), 0.0)
        curve = pd.concat([pd.DataFrame([start]), curve[list(start)]], ignore_index=True)
        draw_curve(panel, curve, ("mean", "low", "high"), {**line_style(place), "label": model})
        lines.setdefault(model, panel.lines[-1])
    title_panels(figure, panels, [str(perturbation) for perturbation in perturbations])
    for panel in panels:
        panel.set_xlabel("level [%]")
        panel.grid(alpha=0.3)
    for panel in first_of_rows(panels):
        panel.set_ylabel("share of tokens that flip\n(lower is better)")
    panels[0].set_ylim(0, 1)
    for line in (line for panel in panels for line in panel.lines):
        line.set_clip_on(False)
    over = over_patients(table["groups"][table["groups"] > 0])
    band = f"95 % interval of the mean {over}" if table["low"].notna().any() else f"no band: no interval {over}"
    legend_below(figure, [*lines.values(), band_handle(band)])
    figure.set_label(f"Share of tokens that change their code, lower is better; band: {band}")
    return figure
