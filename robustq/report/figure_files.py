"""Writes figures to files."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from robustq.report.figure_style import SCREEN, FigureStyle
from robustq.storage.run_path import RunPath
from robustq.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Without a date, the same figure gives the same file.
_WITHOUT_DATE: Mapping[str, Mapping[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}


@dataclass(frozen=True)
class FigureFiles:
    """Where figures are written, and how.

    Attributes:
        folder: created if it is missing.
        formats: any of "png", "pdf" and "svg"; each figure is written in all of them.
        style: the style in which figures are made.
    """

    folder: RunPath
    formats: Sequence[str] = ("png", "pdf")
    style: FigureStyle = SCREEN

    def write(self, make: "Callable[[], Mapping[str, Figure]]") -> dict[str, str]:
        """Make figures in the style and write each under its name.

        Args:
            make: gives figures by name.

        Returns:
            For each name, what a caption says of its figure; "" where nothing is to be said.

        Raises:
            RequestError: the folder cannot be written.
            StorageError: the disk is full, can only be read, or is gone.
        """
        captions = {}
        with self.style.applied():
            for name, figure in make().items():
                captions[name] = ". ".join(filter(None, (figure.get_suptitle(), str(figure.get_label()))))
                self.style.finish(figure)
                # A name can hold that of a model, which anybody chose.
                file = re.sub(r"[/\\]", "-", name)
                for suffix in self.formats:
                    with whole_file(self.folder / f"{file}.{suffix}") as partial:
                        figure.savefig(partial, format=suffix, dpi=self.style.dpi, metadata=_WITHOUT_DATE[suffix])
        return captions
