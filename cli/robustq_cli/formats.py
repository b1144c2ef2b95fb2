"""Tables in the formats that commands print besides their own."""

from typing import TYPE_CHECKING

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
