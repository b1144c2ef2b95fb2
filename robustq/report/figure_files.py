"""Writes figures to files."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: "Figure", folder: Path, name: str) -> None:
    """Write a figure as PNG and PDF into a folder, which is created if it is missing."""
    folder.mkdir(exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=150)
    # Without a date, the same figure gives the same file.
    figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
