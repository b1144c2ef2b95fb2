"""Writes figures to files."""

from pathlib import Path
from typing import TYPE_CHECKING

from robustq.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: "Figure", folder: Path, name: str) -> None:
    """Write a figure as PNG and PDF into a folder, which is created if it is missing.

    Raises:
        RequestError: the folder cannot be written.
        StorageError: the disk is full, can only be read, or is gone.
    """
    with whole_file(folder / f"{name}.png") as partial:
        figure.savefig(partial, format="png", dpi=150)
    with whole_file(folder / f"{name}.pdf") as partial:
        # Without a date, the same figure gives the same file.
        figure.savefig(partial, format="pdf", metadata={"CreationDate": None})
