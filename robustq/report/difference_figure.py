"""The figure of a comparison: differences from the baseline against level."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from robustq.report.curve_panel import band_handle, draw_curve, over_patients
from robustq.report.line_styles import line_style
from robustq.report.panels import first_of_rows, label_levels, legend_below, panel_grid, title_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def difference_figure(
    rows: pd.DataFrame,
    metric: str,
    baseline: str,
    *,
    models: Sequence[str],
    higher_is_better: bool,
    level_names: Mapping[float, str] | None = None,
) -> "Figure":
    """A panel for each perturbation, a line for each model: its difference from the baseline, with its interval.

    Where the band leaves out the line at 0, the difference is settled.

    Args:
        rows: what `robustq.statistics.compare` gave, of one metric; of each label by itself, one label is one panel.
        metric: text of the metric, with its unit.
        baseline: name of the baseline.
        models: all models, in the order that gives each its line style.
        higher_is_better: whether a larger value of the metric is a better one.
        level_names: where levels are the numbers of targets, what a reader sees of each.
    """
    rows = rows if "label" in rows else rows.assign(label="")
    contents = list(rows[["perturbation", "label"]].drop_duplicates().itertuples(index=False, name=None))
    figure, panels = panel_grid(len(contents), sharey=True)
    for panel, (perturbation, label) in zip(panels, contents, strict=True):
        panel.axhline(0, color="0.4", linewidth=0.8)
        shown = rows[(rows["perturbation"] == perturbation) & (rows["label"] == label)]
        for place, model in enumerate(models):
            curve = shown[shown["model"] == model].sort_values("level")
            if len(curve):
                draw_curve(panel, curve, ("difference", "low", "high"), {**line_style(place), "label": model})
        label_levels(panel, level_names or {})
        panel.grid(alpha=0.3)
    title_panels(figure, panels, [", ".join(filter(None, map(str, content))) for content in contents])
    side = "above" if higher_is_better else "below"
    for panel in first_of_rows(panels):
        panel.set_ylabel(f"{metric} minus that of\n{baseline} ({side} 0 is better)")
    over = over_patients(rows["groups"][rows["groups"] > 0])
    interval = np.isfinite(rows["low"].to_numpy(float)).any()
    band = f"95 % interval of the paired difference, {over}" if interval else f"no band: no interval {over}"
    everything = [line for panel in panels for line in panel.lines]
    lines = {str(line.get_label()): line for line in everything if str(line.get_label()) in models}
    legend_below(figure, [*lines.values(), band_handle(band)])
    figure.set_label(f"Difference in {metric} from {baseline}, {side} 0 is better; band: {band}")
    return figure
