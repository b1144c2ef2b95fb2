"""Tables in the formats that commands print besides their own."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from robustq_cli import console

if TYPE_CHECKING:
    from robustq.report.grid import Grid


def as_format(grid: "Grid", name: str) -> str:
    """A table as `csv`, `md` or `markdown`, `latex` or `html`."""
    writers = {
        "csv": grid.to_csv,
        "md": grid.to_markdown,
        "markdown": grid.to_markdown,
        "latex": grid.to_latex,
        "html": grid.to_html,
    }
    return writers[name]()


def print_grids(grids: "Iterable[Grid]", name: str) -> None:
    """Print tables as `table`, for a terminal, or in a format of `as_format`."""
    for grid in grids:
        if name == "table":
            console.print_table(grid.to_rich())
        else:
            typer.echo(as_format(grid, name))
