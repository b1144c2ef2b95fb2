"""Draws the figures that `--figures` asks for."""

import os

from robustq.request.figures import FigureRequest
from robustq_cli import console


def draw_figures(
    directory: str | os.PathLike[str],
    request: FigureRequest | None,
    what: str | None = None,
    baseline: str | None = None,
) -> None:
    """Draw the figures of a run directory into the folder that was asked for, if one was, and name it on stderr.

    Args:
        directory: the run directory.
        request: what `parse_figures` gave.
        what: the result whose figures are drawn; all by default.
        baseline: model that the others are compared with.
    """
    if request is None:
        return
    from robustq.results.figures import draw_run

    for note in draw_run(directory, request, what, baseline):
        console.say(note)
    console.say(f"The figures are in {request.folder}.")
