"""The figure of the ablations: what a network loses under noise, against what it reaches without."""

import pandas as pd
from matplotlib.figure import Figure

from kept.ablations import HIGHEST, clean_and_lost
from robustq.report.line_styles import line_style
from robustq.report.panels import legend_below, panel_grid
from robustq.results.study import Study


def ablation_figure(study: Study) -> Figure:
    """A small mark for each training seed and a large one for their mean; the lower right corner is the best."""
    clean, lost = clean_and_lost(study)
    figure, (panel,) = panel_grid(1, panel=(6.5, 4.2))
    for place, network in enumerate(clean.index.unique("network")):
        seeds = pd.DataFrame({"clean": clean[network], "lost": lost.loc[network].mean(axis=1)})
        style = line_style(place)
        look = {"color": style["color"], "marker": style["marker"], "linestyle": "none"}
        panel.plot(seeds["clean"], seeds["lost"], alpha=0.35, markersize=4, **look)
        panel.plot(seeds["clean"].mean(), seeds["lost"].mean(), markersize=9, label=network, **look)
    panel.set_xlabel("Dice at 0 % (higher is better)")
    panel.set_ylabel(f"Dice lost at {HIGHEST:.0f} %, mean of the noises\n(lower is better)")
    panel.grid(alpha=0.3)
    legend_below(figure, [line for line in panel.lines if not str(line.get_label()).startswith("_")])
    return figure
