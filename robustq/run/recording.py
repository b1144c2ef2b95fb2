"""What stress, analyse and minimal have in common: a run directory that is begun, filled and closed."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from robustq.executor import AbstractExecutor
from robustq.results.directory import RunDirectory, versions
from robustq.results.rows import Row
from robustq.run.plan import Piece
from robustq.run.progress import Progress, compute, open_executor
from robustq.run.subjects import Subjects


@dataclass(frozen=True)
class Recording:
    """Writes what a command computes of its subjects.

    Attributes:
        subjects: models and cases.
        directory: where the command writes.
        temporary: whether the directory goes when its reader is no longer used.
        executor: computes the batches.
        on_progress: called after each batch of pieces.
    """

    subjects: Subjects
    directory: RunDirectory
    temporary: bool
    executor: AbstractExecutor
    on_progress: Callable[[Progress], object]

    @classmethod
    def of(
        cls,
        command: str,
        subjects: Subjects,
        *,
        out: str | os.PathLike[str] | None,
        executor: str,
        on_progress: Callable[[Progress], object],
    ) -> "Recording":
        """The recording of a command.

        Args:
            command: whose files are written, as in `RunDirectory`.
            subjects: models and cases.
            out: the run directory; None for a temporary one.
            executor: as in `--executor`.
            on_progress: called after each batch of pieces.

        Raises:
            RequestError: there is no such executor.
        """
        path = tempfile.mkdtemp(prefix="robustq-") if out is None else out
        return cls(subjects, RunDirectory(path, command), out is None, open_executor(executor), on_progress)

    def begin(self, asked: dict[str, Any], batches: Sequence[Sequence[Piece]], **entries: Any) -> None:
        """Write what was asked, the plan and how it is computed; or go on with the same run.

        Args:
            asked: decides whether a run that began in the directory is the same; models and data are added.
            batches: the plan.
            **entries: what else stands beside these.

        Raises:
            RequestError: the directory holds another run, or something else, or cannot be written.
        """
        self.directory.begin(
            {
                "asked": {**asked, **self.subjects.describe()},
                "plan": batches,
                "device": str(self.subjects.device),
                "versions": versions(),
                **entries,
            }
        )

    def compute(
        self, batches: Sequence[Sequence[Piece]], work: Callable[[Sequence[Piece]], list[Row]], *, first: int = 0
    ) -> None:
        """Write the rows of every batch that is not there yet; the first of them has the number `first`."""
        compute(self.directory, batches, work, self.on_progress, self.executor, first=first)

    def end(self, number: int, rows: Sequence[Row] = ()) -> None:
        """Write the last rows, under that number, with those of the cases that could not be used; gather all rows."""
        self.directory.write(number, [*rows, *self.subjects.failed_rows()])
        self.directory.compact()
