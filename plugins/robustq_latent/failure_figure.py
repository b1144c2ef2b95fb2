"""The figures of the analyser `failure`: risk-coverage curves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from robustq.report.line_styles import line_style
from robustq.report.numbers import count, percent
from robustq.report.panels import first_of_rows, legend_below, panel_grid, title_panels
from robustq.statistics.risk_coverage import risk_coverage
from robustq_latent.failure_answers import FailureAnswers
from robustq_latent.failure_signals import SIGNALS
from robustq_latent.failure_tables import answers_of, failure_rows

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_OPTIMAL = "order by Dice itself"


def failure_figures(rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
    """For each perturbation, the risk-coverage curves at its highest level.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the panels.
    """
    figures = {}
    chosen = failure_rows(rows)
    chosen = chosen[chosen["level"] > 0]
    for perturbation, of_perturbation in chosen.groupby("perturbation", sort=False):
        level = float(of_perturbation["level"].max())
        highest = of_perturbation[of_perturbation["level"] == level]
        shown = {model: answers for _, _, model, answers in answers_of(highest, models)}
        if shown:
            figures[f"failure-{str(perturbation).replace(':', '-')}"] = _figure(shown, str(perturbation), level)
    return figures


def _figure(shown: Mapping[str, FailureAnswers], perturbation: str, level: float) -> "Figure":
    """A panel for each model, and in it a curve for each signal and for the order by Dice itself."""
    figure, panels = panel_grid(len(shown), sharey=True)
    handles: dict[str, Artist] = {}
    for panel, answers in zip(panels, shown.values(), strict=True):
        coverage = np.arange(1, len(answers.dice) + 1) / len(answers.dice)
        for place, (signal, name) in enumerate(SIGNALS.items()):
            if signal in answers.signals:
                style = {**line_style(place), "marker": None, "label": name}
                (line,) = panel.plot(coverage, risk_coverage(answers.confidence(signal), 1 - answers.dice), **style)
                handles.setdefault(name, line)
        optimal = risk_coverage(answers.dice, 1 - answers.dice)
        (line,) = panel.plot(coverage, optimal, color="0.6", linewidth=0.8, label=_OPTIMAL)
        handles[_OPTIMAL] = line
        panel.set_xlabel("coverage: share of answers kept")
        panel.grid(alpha=0.3)
    for panel in first_of_rows(panels):
        panel.set_ylabel("risk: mean of 1 - Dice\n(lower is better)")
    title_panels(figure, panels, list(shown))
    legend_below(figure, [handles[name] for name in (*SIGNALS.values(), _OPTIMAL) if name in handles])
    over = count(max(len(answers.dice) for answers in shown.values()), "answer")
    figure.set_label(f"Risk against coverage under {perturbation} of {percent(level)}, lower is better; over {over}")
    return figure
