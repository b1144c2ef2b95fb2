"""The figures of the analyser `conformal`: the false negative rate against the level, with the promise as a line."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING

import pandas as pd

from robustq.report.curve_panel import band_handle, draw_curve, over_patients
from robustq.report.line_styles import line_style
from robustq.report.panels import first_of_rows, legend_below, panel_grid, title_panels
from robustq.statistics import curve_intervals, group_means
from robustq_guarantees.group_values import overall

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = {"conformal_fnr": "with the threshold", "answer_fnr": "own answer"}


def conformal_figures(rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
    """For each perturbation, FNR against the level, a panel for each model.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the panels.
    """
    figures = {}
    chosen = _with_level_0(rows)
    for perturbation, of_perturbation in chosen.groupby("perturbation", sort=False):
        table = curve_intervals(group_means(of_perturbation), higher_is_better=False)
        shown = [model for model in models if model in set(table["model"])]
        promised = [overall(rows, model, "promised_fnr") for model in shown]
        figures[f"conformal-{str(perturbation).replace(':', '-')}"] = _figure(table, shown, promised, str(perturbation))
    return figures


def _with_level_0(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of both lines; those of the clean image, which every piece has, are at level 0."""
    chosen = rows[rows["metric"].isin(_LINES) & (rows["level"] > 0)]
    clean = rows[rows["metric"].isin([f"clean_{metric}" for metric in _LINES])]
    clean = clean.assign(level=0.0, metric=clean["metric"].str.removeprefix("clean_"))
    return pd.concat([chosen, clean], ignore_index=True)


def _figure(table: pd.DataFrame, models: Sequence[str], promised: Sequence[float], perturbation: str) -> "Figure":
    """A panel for each model: a line with the threshold, one of the model's own answer, and the promise."""
    figure, panels = panel_grid(len(models), sharey=True)
    for (panel, model), (place, (metric, name)) in product(zip(panels, models, strict=True), enumerate(_LINES.items())):
        curve = table[(table["model"] == model) & (table["metric"] == metric)]
        draw_curve(panel, curve, ("mean", "low", "high"), {**line_style(place), "label": name})
    title_panels(figure, panels, models)
    promises = [
        panel.axhline(fnr, color="0.3", linewidth=1, linestyle=":", label="promise")
        for panel, fnr in zip(panels, promised, strict=True)
    ]
    for panel in panels:
        panel.set_xlabel("level [%]")
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    for panel in first_of_rows(panels):
        panel.set_ylabel("false negative rate\n(lower is better)")
    over = over_patients(table["groups"][table["groups"] > 0])
    band = f"95 % interval of the mean {over}" if table["low"].notna().any() else f"no band: no interval {over}"
    legend_below(figure, [*panels[0].lines[: len(_LINES)], promises[0], band_handle(band)])
    figure.set_label(f"False negative rate under {perturbation} with a conformal threshold; band: {band}")
    return figure
