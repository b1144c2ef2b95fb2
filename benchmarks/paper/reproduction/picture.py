"""The picture of a table: the paper's figures with open marks, ours with filled ones and their intervals."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reproduction.line import Line
from reproduction.table import Table
from robustq.report.curve_panel import draw_curve
from robustq.report.line_styles import line_style
from robustq.report.panels import legend_below, panel_grid, title_panels

PAPER, OURS = "the paper", "ours, with the 95 % interval"


def picture_of(table: Table) -> Figure:
    """A panel for each section: curves where the lines have levels, else one row for each line."""
    lines = [line for line in table.drawn or table.lines if _has_value(line)]
    curves = [line for line in lines if line.level is not None]
    figure = _curves(table, curves) if curves else _rows(table, lines)
    figure.set_label(f"{table.title}. Open marks: the paper. Filled marks: ours, with the 95 % interval")
    return figure


def _has_value(line: Line) -> bool:
    return math.isfinite(line.paper.value) or math.isfinite(line.ours.value)


def _sections(lines: Sequence[Line]) -> dict[str, list[Line]]:
    return {name: [line for line in lines if line.section == name] for name in dict.fromkeys(x.section for x in lines)}


def _curves(table: Table, lines: Sequence[Line]) -> Figure:
    sections, models = _sections(lines), list(dict.fromkeys(line.model for line in lines))
    figure, panels = panel_grid(len(sections))
    for panel, of_section in zip(panels, sections.values(), strict=True):
        for place, model in enumerate(models):
            curve = pd.DataFrame(
                [
                    (line.level, line.paper.value, line.ours.value, line.ours.low, line.ours.high)
                    for line in of_section
                    if line.model == model
                ],
                columns=["level", "paper", "ours", "low", "high"],
            )
            style = {**line_style(place), "linestyle": "-"}  # dots are the paper's
            of_paper = curve.dropna(subset="paper")
            panel.plot(of_paper["level"], of_paper["paper"], **{**style, "linestyle": ":", "markerfacecolor": "white"})
            # A level that one side lacks must not cut the line of the other.
            draw_curve(panel, curve.dropna(subset="ours"), ("ours", "low", "high"), style)
        panel.set_xlabel("level [%]")
        panel.set_ylabel("Dice")
        # An interval of few seeds can leave the values that Dice can take.
        lowest, highest = panel.get_ylim()
        panel.set_ylim(max(lowest, 0.0), min(highest, 1.01))
        panel.grid(alpha=0.3)
    title_panels(figure, panels, list(sections))
    figure.suptitle(table.title)
    legend_below(figure, [*_models(models), *_marks(linked=True)])
    return figure


def _rows(table: Table, lines: Sequence[Line]) -> Figure:
    sections, models = _sections(lines), list(dict.fromkeys(line.model for line in lines))
    tallest = max(map(len, sections.values()))
    figure, panels = panel_grid(len(sections), panel=(3.6, 0.7 + 0.19 * tallest))
    for panel, of_section in zip(panels, sections.values(), strict=True):
        for place, line in enumerate(of_section):
            _row(panel, -place, line, str(line_style(models.index(line.model))["color"]))
        panel.set_yticks([-place for place in range(len(of_section))], [line.what for line in of_section])
        if table.logarithmic:
            panel.set_xscale("log")
        panel.grid(alpha=0.3, axis="x")
    title_panels(figure, panels, list(sections))
    figure.suptitle(table.title)
    legend_below(figure, [*_models(models), *_marks(linked=False)])
    return figure


def _row(panel: Axes, height: float, line: Line, colour: str) -> None:
    if math.isfinite(line.ours.low):
        panel.plot([line.ours.low, line.ours.high], [height, height], color=colour)
    panel.plot([line.ours.value], [height], "o", color=colour, markersize=4)
    panel.plot([line.paper.value], [height], "o", color=colour, markersize=6, markerfacecolor="none")


def _models(models: Sequence[str]) -> list[Line2D]:
    return [
        Line2D([], [], color=line_style(place)["color"], linewidth=3, label=name) for place, name in enumerate(models)
    ]


def _marks(*, linked: bool) -> list[Line2D]:
    """How the figures of the paper and ours are drawn; those of the paper are linked by a line in curves."""
    return [
        Line2D(
            [], [], color="0.3", linestyle=":" if linked else "none", marker="o", markerfacecolor="white", label=PAPER
        ),
        Line2D([], [], color="0.3", linestyle="-", marker="o", label=OURS),
    ]
