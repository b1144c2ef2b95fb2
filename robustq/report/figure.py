"""The figure of a stress run: Dice against level."""

from typing import TYPE_CHECKING

import numpy as np

from robustq.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curve_figure(run: Run, metric: str) -> "Figure":
    """One panel a perturbation, one line a model, mean ± sd over groups as a band."""
    # Its import takes half a second, and a table does without. No pyplot: it would keep a global state.
    from matplotlib.figure import Figure

    rows = run.summary_frame()
    rows = rows[rows["metric"] == metric]
    perturbations = run.shown
    figure = Figure(figsize=(1.2 + 3.2 * len(perturbations), 3.4), layout="constrained")
    panels = figure.subplots(1, len(perturbations), sharey=True, squeeze=False)[0]
    unit = str(rows["unit"].iloc[0])
    for panel, perturbation in zip(panels, perturbations, strict=True):
        for place, model in enumerate(run.models):
            curve = rows[(rows["perturbation"] == perturbation) & (rows["model"] == model)].sort_values("level")
            if curve.empty:  # a transferred attack that this model was not shown
                continue
            level, mean = curve["level"].to_numpy(float), curve["mean"].to_numpy(float)
            sd = np.nan_to_num(curve["sd"].to_numpy(float))
            colour = f"C{place}"
            panel.plot(level, mean, marker="o", markersize=3, label=model, color=colour)
            panel.fill_between(level, mean - sd, mean + sd, alpha=0.12, color=colour, linewidth=0)
        panel.set_title(perturbation)
        panel.set_xlabel("level [%]")
        panel.grid(alpha=0.3)
    panels[0].set_ylabel(f"{metric} [{unit}]" if unit else metric)
    if not unit:
        panels[0].set_ylim(0, 1.02)
    # The first panel has them all: transferred attacks, which some models are not shown, never come first.
    panels[-1].legend(handles=panels[0].lines, frameon=False, fontsize="small")
    return figure
