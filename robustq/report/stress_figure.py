"""The figure of a stress run: a metric against level."""

from itertools import product
from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from robustq.report.numbers import listed
from robustq.report.stress_curves import DomainCurves, StressCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
"""Largest number of panels side by side."""

DASHES = ("--", ":", "-.")
"""Line styles of transferred attacks, by the model that the attack was made for."""


def curve_figure(curves: StressCurves) -> "Figure":
    """One panel for each perturbation and domain, one line for each model, and mean ± sd over groups as a band.

    The domains of a perturbation stand side by side. In the panel of an attack, a solid line with a band shows a model
    under its own attack, and a broken line without band shows it under the attack made for another model.
    """
    # Imported here because the import takes half a second and tables do without it. pyplot would keep a global state.
    from matplotlib.figure import Figure

    contents = list(product(curves.perturbations, curves.domains))
    # If they fit, all domains of a perturbation stand in one row.
    columns = min(len(contents), COLUMNS - COLUMNS % len(curves.domains) or COLUMNS)
    rows = ceil(len(contents) / columns)
    figure = Figure(figsize=(max(6, 1.2 + 3.2 * columns), 0.5 + 2.9 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).flatten()
    for panel, (perturbation, domain) in zip(panels, contents, strict=False):
        _draw(panel, curves, domain, perturbation)
        panel.set_title(_title(curves, domain, perturbation), fontsize="large" if domain.name is None else "medium")
        panel.set_xlabel("level [%]")
        panel.grid(alpha=0.3)
    for panel in panels[len(contents) :]:
        panel.set_axis_off()
    for panel in panels[::columns]:
        panel.set_ylabel(curves.label)
    if curves.is_share:
        panels[0].set_ylim(_lowest(curves.rows), 1.005)
    _explain(list(panels[: len(contents)]))
    return figure


def _draw(panel: "Axes", curves: StressCurves, domain: DomainCurves, perturbation: str) -> None:
    """Draw the lines of all models; those of transferred attacks are broken."""
    for place, model in enumerate(curves.models):
        level, mean, sd = _curve(domain.rows, perturbation, model)
        panel.plot(level, mean, marker="o", markersize=3, label=model, color=f"C{place}")
        panel.fill_between(level, mean - sd, mean + sd, alpha=0.12, color=f"C{place}", linewidth=0)
        for name, source in curves.perturbations[perturbation].items():
            level, mean, _ = _curve(domain.rows, name, model)
            if len(level):
                dash = DASHES[list(curves.models).index(source) % len(DASHES)]
                panel.plot(level, mean, linestyle=dash, label=f"{model}, attack from {source}", color=f"C{place}")


def _title(curves: StressCurves, domain: DomainCurves, perturbation: str) -> str:
    if domain.name is None:
        return perturbation
    if not domain.trained:
        return f"{perturbation}, {domain.title}"
    whose = "" if len(domain.trained) == len(curves.models) else f" of {listed(domain.trained)}"
    return f"{perturbation}, {domain.title}\n(training domain{whose})"


def _lowest(rows: pd.DataFrame) -> float:
    """Where the axis of a share begins, a tenth: on an axis from 0, curves between 0.9 and 1 would look the same."""
    drawn = (rows["mean"] - rows["sd"].fillna(0)).to_numpy(float)
    return max(0.0, floor(10 * float(np.nanmin(drawn))) / 10) if np.isfinite(drawn).any() else 0.0


def _curve(rows: pd.DataFrame, perturbation: str, model: str) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Levels, means and deviations (0 if missing) of a model; empty if it was not shown the perturbation."""
    curve = rows[(rows["perturbation"] == perturbation) & (rows["model"] == model)].sort_values("level")
    level, mean, sd = (curve[name].to_numpy(float) for name in ("level", "mean", "sd"))
    return level, mean, np.nan_to_num(sd)


def _explain(panels: "list[Axes]") -> None:
    """Draw one legend, in the last panel with a line that no earlier panel has."""
    earlier: set[str] = set()
    chosen = panels[0]
    for panel in panels:
        labels = {str(line.get_label()) for line in panel.lines}
        if not labels <= earlier:
            earlier, chosen = earlier | labels, panel
    chosen.legend(frameon=False, fontsize="small")
