"""The figure of a stress run: a metric against level."""

from math import ceil, floor
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from robustq.request.names import transferred
from robustq.results.stress_run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
"""Panels side by side."""

DASHES = ("--", ":", "-.")
"""By the model whose attack is shown."""


def curve_figure(run: Run, metric: str) -> "Figure":
    """One panel a perturbation, one line a model, mean ± sd over groups as a band.

    In the panel of an attack each model stands under its own; what it is under another model's is broken, without band.
    """
    # Its import takes half a second, and a table does without. No pyplot: it would keep a global state.
    from matplotlib.figure import Figure

    rows = run.summary_frame()
    rows = rows[rows["metric"] == metric]
    perturbations = run.asked["perturbations"]
    columns = min(COLUMNS, len(perturbations))
    high = ceil(len(perturbations) / columns)
    figure = Figure(figsize=(max(6, 1.2 + 3.2 * columns), 0.5 + 2.9 * high), layout="constrained")
    panels = figure.subplots(high, columns, sharey=True, squeeze=False).flatten()
    unit = "" if rows.empty else str(rows["unit"].iloc[0])
    for panel, perturbation in zip(panels, perturbations, strict=False):
        for place, model in enumerate(run.models):
            level, mean, sd = _curve(rows, perturbation, model)
            panel.plot(level, mean, marker="o", markersize=3, label=model, color=f"C{place}")
            panel.fill_between(level, mean - sd, mean + sd, alpha=0.12, color=f"C{place}", linewidth=0)
            for other, source in enumerate(run.models):
                level, mean, _ = _curve(rows, transferred(perturbation, source), model)
                if len(level):
                    told = f"{model}, attack from {source}"
                    panel.plot(level, mean, linestyle=DASHES[other % len(DASHES)], label=told, color=f"C{place}")
        panel.set_title(perturbation)
        panel.set_xlabel("level [%]")
        panel.grid(alpha=0.3)
    for panel in panels[len(perturbations) :]:
        panel.set_axis_off()
    for panel in panels[::columns]:
        panel.set_ylabel(f"{metric} [{unit}]" if unit else metric)
    if not unit:
        panels[0].set_ylim(_lowest(rows), 1.005)
    _explain(list(panels[: len(perturbations)]))
    return figure


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
