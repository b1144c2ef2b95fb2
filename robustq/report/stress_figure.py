"""The figure of a stress run: a metric against level."""

from itertools import product
from math import floor
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from robustq.report.curve_panel import band_handle, draw_curve, over_patients
from robustq.report.line_styles import line_style, transfer_style
from robustq.report.numbers import listed
from robustq.report.panels import first_of_rows, label_levels, legend_below, panel_grid, title_panels
from robustq.report.stress_curves import DomainCurves, StressCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_MEAN, _MEDIAN = ("mean", "low", "high"), ("median", "q1", "q3")
"""Columns of a line and of the ends of its band; the median is taken where a value is infinite."""


def curve_figure(curves: StressCurves) -> "Figure":
    """One panel for each perturbation and domain, one line for each model, and the interval of the mean as a band.

    The domains of a perturbation stand side by side. In the panel of an attack, a line with a band shows a model under
    its own attack. A thin line without band, whose markers are white, shows it under the attack made for another model.

    Args:
        curves: the rows have the columns `low` and `high`.
    """
    contents = list(product(curves.perturbations, curves.domains))
    figure, panels = panel_grid(len(contents), together=len(curves.domains), sharey=True)
    infinite = bool(np.isinf(curves.rows["mean"].to_numpy(float)).any())
    columns = _MEDIAN if infinite else _MEAN
    alike = len({over_patients(_measured(domain.rows)) for domain in curves.domains}) == 1
    for panel, (perturbation, domain) in zip(panels, contents, strict=True):
        _draw(panel, curves, domain, perturbation, columns)
        label_levels(panel, curves.level_names)
        panel.grid(alpha=0.3)
    title_panels(figure, panels, [_title(curves, domain, name, alike) for name, domain in contents])
    direction = "higher is better" if curves.higher_is_better else "lower is better"
    for panel in first_of_rows(panels):
        panel.set_ylabel(f"{curves.label} ({direction})")
    _limit(panels, curves, columns)
    legend_below(figure, [*_lines(panels), band_handle(_band(curves, infinite, alike))])
    figure.set_label(f"Curves of {curves.label} on {curves.data}, {direction}; band: {_band(curves, infinite, alike)}")
    return figure


def _draw(
    panel: "Axes", curves: StressCurves, domain: DomainCurves, perturbation: str, columns: tuple[str, str, str]
) -> None:
    """Draw the lines of all models, own attacks before transferred ones."""
    places = {model: place for place, model in enumerate(curves.models)}
    for model, place in places.items():
        draw_curve(panel, _curve(domain.rows, perturbation, model), columns, {**line_style(place), "label": model})
        for name, source in curves.perturbations[perturbation].items():
            curve = _curve(domain.rows, name, model)
            if len(curve):
                panel.plot(
                    curve["level"].to_numpy(float),
                    curve[columns[0]].to_numpy(float),
                    markersize=4,
                    label=f"{model}, attack from {source}",
                    **transfer_style(place, places[source]),
                )


def _curve(rows: pd.DataFrame, perturbation: str, model: str) -> pd.DataFrame:
    """The levels of a model; empty if it was not shown the perturbation."""
    return rows[(rows["perturbation"] == perturbation) & (rows["model"] == model)].sort_values("level")


def _measured(rows: pd.DataFrame) -> pd.Series:
    """The numbers of groups of the points that are drawn."""
    return rows["groups"][rows["groups"] > 0]


def _title(curves: StressCurves, domain: DomainCurves, perturbation: str, alike: bool) -> str:
    lines = [", ".join(filter(None, (perturbation, domain.title)))]
    if domain.trained:
        whose = "" if len(domain.trained) == len(curves.models) else f" of {listed(domain.trained)}"
        lines.append(f"(training domain{whose})")
    if not alike:
        lines.append(over_patients(_measured(domain.rows)))
    return "\n".join(lines)


def _band(curves: StressCurves, infinite: bool, alike: bool) -> str:
    """What a band is, and over how many groups."""
    over = over_patients(_measured(curves.rows)) if alike else "over the patients of a panel"
    if infinite:
        return f"line: median, band: quartiles {over}; infinite values are not drawn"
    if not curves.rows["low"].notna().any():
        return f"no band: no interval {over}"
    return f"95 % interval of the mean {over}"


def _limit(panels: "list[Axes]", curves: StressCurves, columns: tuple[str, str, str]) -> None:
    """Keep the axis within what the metric can be, and let that of a share begin at a tenth.

    On an axis from 0, curves between 0.9 and 1 would look the same.
    """
    drawn = curves.rows[list(columns)].to_numpy(float)
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size or drawn.min() < 0:
        return
    if not curves.is_share:
        panels[0].set_ylim(bottom=0)
    elif drawn.max() <= 1:
        panels[0].set_ylim(floor(10 * drawn.min()) / 10, 1.0)
        # A line at 1 is drawn whole, with its markers.
        for line in (line for each in panels for line in each.lines):
            line.set_clip_on(False)


def _lines(panels: "list[Axes]") -> "list[Line2D]":
    """One line for each label, from the first panel that has it."""
    lines: dict[str, Line2D] = {}
    for panel in panels:
        for line in panel.lines:
            lines.setdefault(str(line.get_label()), line)
    return list(lines.values())
