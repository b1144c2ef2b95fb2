"""Figures of several panels that wrap into rows, with one legend below them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from robustq.report.figure_style import current_style

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def panel_grid(
    count: int, *, together: int = 1, panel: tuple[float, float] = (3.2, 2.9), **shared: Any
) -> "tuple[Figure, list[Axes]]":
    """An empty figure with this many panels, in rows as long as the style allows.

    Args:
        count: number of panels.
        together: number of panels that stand in one row, if that is possible.
        panel: width and height of a panel on the screen, in inches.
        **shared: `sharex` and `sharey`, as in matplotlib.
    """
    # Imported here because the import takes half a second and tables do without it. pyplot would keep a global state.
    from matplotlib.figure import Figure

    style = current_style()
    columns = style.columns(count, together)
    rows = -(-count // columns)
    figure = Figure(figsize=style.size(columns, rows, panel), layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False, **shared).flatten())
    for empty in panels[count:]:
        empty.set_axis_off()
    for full in panels[:count]:
        # matplotlib gives numbers to the last row alone, which need not be full.
        full.tick_params(labelbottom=True)
    return figure, panels[:count]


def first_of_rows(panels: "Sequence[Axes]") -> "list[Axes]":
    """The panels at the left edge."""
    return [panel for panel in panels if panel.get_subplotspec().is_first_col()]  # type: ignore[union-attr]


def title_panels(figure: "Figure", panels: "Sequence[Axes]", titles: Sequence[str]) -> None:
    """Say above each panel what it shows. A single panel has its title above the figure, for the caption of a paper."""
    if len(panels) == 1:
        figure.suptitle(titles[0])
        return
    for panel, title in zip(panels, titles, strict=True):
        panel.set_title(title)


def legend_below(figure: "Figure", handles: "Sequence[Artist]") -> None:
    """Draw one legend below all panels, in as few lines as fit beside each other."""
    fits, too_many = 1, len(handles) + 1
    columns = len(handles)
    while too_many - fits > 1:
        legend = figure.legend(handles=list(handles), ncols=columns)
        if legend.get_window_extent().width <= 0.96 * figure.bbox.width:
            fits = columns
        else:
            too_many = columns
        legend.remove()
        columns = (fits + too_many) // 2
    figure.legend(handles=list(handles), loc="outside lower center", frameon=False, ncols=fits)


def label_levels(panel: "Axes", names: Mapping[float, str]) -> None:
    """Label the axis of levels.

    Args:
        panel: the panel.
        names: where levels are the numbers of targets, what a reader sees of each; empty for percentages.
    """
    panel.set_xlabel("severity" if names else "level [%]")
    if names:
        panel.set_xticks(list(names), list(names.values()), rotation=30, ha="right")
