"""Opens stress runs that a caller gives as they are, or by their directories."""

from collections.abc import Sequence
from os import PathLike

from robustq.errors import RequestError
from robustq.results.stress_run import Run

AnyRun = Run | str | PathLike[str]
"""A stress run, or its directory."""


def open_run(run: AnyRun) -> Run:
    """The run.

    Raises:
        RequestError: the directory holds no stress run.
    """
    return run if isinstance(run, Run) else Run(run)


def open_runs(runs: AnyRun | Sequence[AnyRun], purpose: str = "") -> list[Run]:
    """The runs.

    Args:
        runs: one run or several.
        purpose: what they are for, as in "to rank"; a part of the error message.

    Raises:
        RequestError: there is no run, or a directory holds no stress run.
    """
    opened = [open_run(run) for run in ([runs] if isinstance(runs, Run | str | PathLike) else runs)]
    if not opened:
        asked = " ".join(filter(None, ("no run was given", purpose)))
        raise RequestError(f"{asked}: give what robustq.stress returned, or a run directory")
    return opened
