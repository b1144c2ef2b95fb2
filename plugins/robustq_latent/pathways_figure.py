"""The figure of the analyser `pathways`: the two parts of the loss of Dice against the level."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from robustq.statistics.bootstrap import bootstrap_interval
from robustq.statistics.group_means import group_means

_PARTS = {"through_bottleneck": ("through the bottleneck", "-"), "around_bottleneck": ("around it", "--")}
_ACROSS = 3


def pathways_figure(rows: pd.DataFrame, models: Sequence[str]) -> Figure:
    """A panel for each model, a line for each part of the loss; the band is the 95 % interval over groups.

    Args:
        rows: rows of the two parts, of one perturbation.
        models: models in the order of the panels.
    """
    means = group_means(rows)
    shown = [model for model in models if model in set(means["model"])]
    across = min(_ACROSS, len(shown))
    down = -(-len(shown) // across)
    figure = Figure(figsize=(1.2 + 3.2 * across, 0.8 + 2.8 * down), layout="constrained")
    panels = figure.subplots(down, across, sharey=True, squeeze=False)
    for panel, model in zip(panels.flat, shown, strict=False):
        for metric, (name, style) in _PARTS.items():
            part = means[(means["model"] == model) & (means["metric"] == metric)]
            levels, middle, low, high = [0.0], [0.0], [0.0], [0.0]
            for level in sorted(part["level"].unique()):
                values = part[part["level"] == level]["value"].dropna().to_numpy(float)
                if not len(values):
                    continue
                ends = bootstrap_interval(values[:, None], lambda resampled: resampled[:, 0])
                levels.append(float(level))
                middle.append(float(values.mean()))
                low.append(ends[0])
                high.append(ends[1])
            (line,) = panel.plot(levels, middle, style, marker="o", markersize=3, label=name)
            panel.fill_between(levels, low, high, alpha=0.15, color=line.get_color(), linewidth=0)
        panel.axhline(0, color="0.6", linewidth=0.8)
        panel.set_title(f"{model}, {part['group'].nunique()} groups", fontsize="small")
        panel.set_xlabel("level [%]")
        panel.grid(alpha=0.3)
    for panel in list(panels.flat)[len(shown) :]:
        panel.set_axis_off()
    for row in panels:
        row[0].set_ylabel("loss of Dice (less is better)")
    panels[0][0].legend(frameon=False, fontsize="small", title="band: 95 % interval", title_fontsize="small")
    figure.suptitle(f"{rows['perturbation'].iloc[0]}: where the loss of Dice passes", fontsize="medium")
    return figure
