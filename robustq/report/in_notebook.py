"""A result as a notebook shows it: sentences and tables as HTML without style, script or any link."""

from collections.abc import Sequence
from html import escape

from robustq.report.grid import Grid
from robustq.report.printable import printable


def in_notebook(grids: Sequence[Grid], sentences: Sequence[str] = ()) -> str:
    """The sentences, then the tables. Every name in them is text."""
    items = [f"<li>{escape(printable(sentence))}</li>" for sentence in sentences]
    return "\n".join([*(["<ul>", *items, "</ul>"] if items else []), *(grid.to_html() for grid in grids)])
