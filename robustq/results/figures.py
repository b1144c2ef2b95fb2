"""Draws every figure of a run directory, from the directory alone."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from robustq.errors import RequestError, StorageError
from robustq.report.figure_files import FigureFiles
from robustq.report.figure_style import STYLES
from robustq.request.figures import FigureRequest
from robustq.results.analysis import Analysis
from robustq.results.differences import Differences, compare
from robustq.results.directory import RunDirectory
from robustq.results.gallery import FOLDER, read_level_pictures
from robustq.results.likely_baseline import baseline_of
from robustq.results.minimal_levels import MinimalLevels
from robustq.results.stress_run import Run
from robustq.storage.run_path import RunPath, run_path
from robustq.whole_file import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTIONS = "captions.md"
"""Name of the file that says what each figure shows."""

Maker = tuple[str, Callable[[], "Mapping[str, Figure]"]]
"""What is drawn, in words, and a function that draws it: figures by file name."""


def draw_run(
    path: str | os.PathLike[str], request: FigureRequest, what: str | None = None, baseline: str | None = None
) -> list[str]:
    """Draw the figures of a run directory into a folder, with `captions.md`.

    Args:
        path: the run directory.
        request: where figures are written, and how.
        what: "stress", "compare", "analysis" or "minimal"; by default everything that the directory holds.
        baseline: model that the others are compared with; by default as `likely_baseline` chooses.

    Returns:
        Sentences on figures that could not be drawn.

    Raises:
        RequestError: the directory does not hold the result.
        StorageError: the disk is full, can only be read, or is gone.
    """
    directory = run_path(path)
    held = [name for name, command in _COMMANDS.items() if RunDirectory(directory, command).exists]
    if what is not None or not held:
        return write_figures(_MAKERS[what or "stress"](directory, baseline), request)
    notes: list[str] = []
    makers: list[Maker] = []
    for name in held:
        try:
            makers += _MAKERS[name](directory, baseline)
        except RequestError as error:
            # A run of one model, or one that is not finished, cannot be compared; nobody asked for it here.
            notes += [] if name == "compare" else [f"Note: the figures of {name} could not be drawn: {error}"]
    return notes + write_figures(makers, request)


_COMMANDS = {"stress": "stress", "compare": "stress", "analysis": "analyse", "minimal": "minimal"}
"""For each result, the command whose rows it takes."""


def of_differences(differences: Differences) -> list[Maker]:
    """The differences from the baseline in each metric."""
    return [
        (f"the differences in {metric}", partial(_of_difference, differences, metric)) for metric in differences.metrics
    ]


def _of_difference(differences: Differences, metric: str) -> "dict[str, Figure]":
    return {f"compare-{metric}": differences.plot(metric)}


def _of_stress(directory: RunPath, baseline: str | None) -> list[Maker]:
    """The curves of each metric, and the predictions for each kept case."""
    run = Run(directory)
    curves: list[Maker] = [(f"the curves of {metric}", partial(_of_metric, run, metric)) for metric in run.metrics]
    return [*curves, ("the predictions", partial(predictions, run))]


def _of_metric(run: Run, metric: str) -> "dict[str, Figure]":
    return {f"curves-{metric}": run.plot(metric)}


def _of_comparison(directory: RunPath, baseline: str | None) -> list[Maker]:
    run = Run(directory)
    return of_differences(compare(run, baseline_of(run, baseline)))


def _of_analysis(directory: RunPath, baseline: str | None) -> list[Maker]:
    return [("the analysis", Analysis(directory).plots)]


def _of_minimal(directory: RunPath, baseline: str | None) -> list[Maker]:
    levels = MinimalLevels(directory)
    return [("the minimal levels", lambda: {"minimal-levels": levels.plot()})]


_MAKERS: Mapping[str, Callable[[RunPath, str | None], list[Maker]]] = {
    "stress": _of_stress,
    "compare": _of_comparison,
    "analysis": _of_analysis,
    "minimal": _of_minimal,
}


def predictions(run: Run, most: int | None = None) -> "dict[str, Figure]":
    """For each case that the run keeps in `gallery/`, the image and the answers at each level.

    Args:
        run: a stress run.
        most: largest number of cases, the worst first; None for all.
    """
    from robustq.report.predictions_figure import predictions_figure

    pictures = read_level_pictures(run)[:most]
    return {f"predictions-{place}": predictions_figure(each) for place, each in enumerate(pictures, start=1)}


def write_figures(makers: Sequence[Maker], request: FigureRequest) -> list[str]:
    """Write figures and their captions. One that cannot be drawn does not keep the others from being drawn.

    Args:
        makers: what is drawn in words, and a function that draws it.
        request: where figures are written, and how.

    Returns:
        Sentences on figures that could not be drawn.

    Raises:
        StorageError: the disk is full, can only be read, or is gone.
    """
    files = FigureFiles(request.folder, request.formats, STYLES[request.style])
    captions: dict[str, str] = {}
    notes: list[str] = []
    for about, make in makers:
        with _drawing(about, notes):
            captions |= files.write(make)
    if captions:
        with whole_file(request.folder / CAPTIONS) as temporary:
            lines = [f"- **{name}**: {caption}\n" for name, caption in captions.items()]
            temporary.write_text("".join(lines), encoding="utf-8")
    return notes


def keep_figures(run: Run) -> list[str]:
    """Draw the curves of a run into `curves/`, and the predictions for its worst case into `gallery/`.

    Returns:
        Sentences on figures that could not be drawn.

    Raises:
        StorageError: the disk is full, can only be read, or is gone.
    """
    notes: list[str] = []
    with _drawing("the curves", notes):
        run.draw()
    with _drawing("the predictions", notes):
        FigureFiles(run.directory.path / FOLDER).write(lambda: predictions(run, most=1))
    return notes


@contextmanager
def _drawing(about: str, notes: list[str]) -> Iterator[None]:
    """Within this context, an error becomes a note, unless it is one of the disk.

    Args:
        about: what is drawn, in words.
        notes: gets the note.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        notes.append(f"Note: {about} could not be drawn ({error}); the rows are whole.")
