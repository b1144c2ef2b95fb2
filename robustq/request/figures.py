"""Reads what figures are asked for: `--format` and `--style`, where figures are drawn."""

import os
from dataclasses import dataclass

from robustq.errors import RequestError, unknown
from robustq.storage.run_path import RunPath, run_path

FORMATS = ("pdf", "svg", "png")
"""File formats of figures."""

STYLES = ("screen", "paper")
"""Styles of figures."""


@dataclass(frozen=True)
class FigureRequest:
    """Figures that are asked for.

    Attributes:
        folder: where they are written.
        formats: file formats, each once.
        style: one of `STYLES`.
    """

    folder: RunPath
    formats: tuple[str, ...]
    style: str


def parse_figures(
    folder: str | os.PathLike[str] | None, formats: str | None, style: str | None
) -> FigureRequest | None:
    """The figures that three options ask for; None without a folder.

    Args:
        folder: value of `--figures`.
        formats: value of `--format`, such as "pdf,svg"; by default "pdf,png".
        style: value of `--style`; "screen" by default.

    Raises:
        RequestError: a format or the style does not exist, or there is no folder to write to.
    """
    if folder is None:
        if formats is not None or style is not None:
            option = "--style" if formats is None else "--format"
            raise RequestError(f"{option} says how figures are written, but not where: add --figures FOLDER")
        return None
    names = tuple(dict.fromkeys(name.strip() for name in (formats or "pdf,png").split(",")))
    for name in names:
        if name not in FORMATS:
            raise unknown("file format of figures", name, FORMATS)
    if style is not None and style not in STYLES:
        raise unknown("style of figures", style, STYLES)
    return FigureRequest(run_path(folder), names, style or STYLES[0])
