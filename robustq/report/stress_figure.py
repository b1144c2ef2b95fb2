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
"""Panels side by side."""

DASHES = ("--", ":", "-.")
"""By the model whose attack is shown."""


def curve_figure(curves: StressCurves) -> "Figure":
    """One panel a perturbation and domain, one line a model, mean ± sd over groups as a band.

    The domains of a perturbation stand side by side. In the panel of an attack each model stands under its own; what it
    is under another model's is broken, without band.
    """
    # Its import takes half a second, and a table does without. No pyplot: it would keep a global state.
    from matplotlib.figure import Figure

    shown = list(product(curves.perturbations, curves.domains))
    # Where they fit, all domains of a perturbation stand in one row.
    columns = min(len(shown), COLUMNS - COLUMNS % len(curves.domains) or COLUMNS)
    high = ceil(len(shown) / columns)
    figure = Figure(figsize=(max(6, 1.2 + 3.2 * columns), 0.5 + 2.9 * high), layout="constrained")
    panels = figure.subplots(high, columns, sharey=True, squeeze=False).flatten()
    for panel, (perturbation, domain) in zip(panels, shown, strict=False):
        _draw(panel, curves, domain, perturbation)
        panel.set_title(_title(curves, domain, perturbation), fontsize="large" if domain.name is None else "medium")
        panel.set_xlabel("level [%]")
        panel.grid(alpha=0.3)
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    for panel in panels[::columns]:
        panel.set_ylabel(curves.label)
    if curves.is_share:
        panels[0].set_ylim(_lowest(curves.rows), 1.005)
    _explain(list(panels[: len(shown)]))
    return figure


def _draw(panel: "Axes", curves: StressCurves, domain: DomainCurves, perturbation: str) -> None:
    """The lines of all models, those of transferred attacks broken."""
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
    """The tenth at or below all that is drawn of a share: from 0 on, curves between 0.9 and 1 cannot be told apart."""
    drawn = (rows["mean"] - rows["sd"].fillna(0)).to_numpy(float)
    return max(0.0, floor(10 * float(np.nanmin(drawn))) / 10) if np.isfinite(drawn).any() else 0.0


def _curve(rows: pd.DataFrame, perturbation: str, model: str) -> "tuple[np.ndarray, np.ndarray, np.ndarray]":
    """Levels, means and deviations of a model, 0 where there is none; empty where it was not shown that."""
    shown = rows[(rows["perturbation"] == perturbation) & (rows["model"] == model)].sort_values("level")
    level, mean, sd = (shown[name].to_numpy(float) for name in ("level", "mean", "sd"))
    return level, mean, np.nan_to_num(sd)


def _explain(panels: "list[Axes]") -> None:
    """One legend, in the last panel that says something no panel before it did."""
    told: set[str] = set()
    chosen = panels[0]
    for panel in panels:
        labels = {str(line.get_label()) for line in panel.lines}
        if not labels <= told:
            told, chosen = told | labels, panel
    chosen.legend(frameon=False, fontsize="small")
