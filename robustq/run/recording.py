"""Begins, fills and completes the run directory of stress, analyse and minimal."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from time import monotonic, perf_counter
from typing import Any

import torch

from robustq.draws.seeds import draw_generator, seeded_globals
from robustq.executor import AbstractExecutor
from robustq.results.commands_given import recorded
from robustq.results.directory import RunDirectory, versions
from robustq.results.rows import Row
from robustq.run.passes import Counting, Passes, Work
from robustq.run.plan import Piece
from robustq.run.profile import Computed, Profile, Spent
from robustq.run.progress import Progress, open_executor
from robustq.run.subjects import Subjects
from robustq.stopwatch import Stopwatch

_KNOWN_AFTER = 2.0
"""Seconds after which the time of a pass is known well enough; the first passes are slower."""


@dataclass(frozen=True)
class Seeded:
    """Computes the rows of a batch from seeded global generators, because some networks draw from them.

    Attributes:
        work: computes the rows.
        seed: seed of the run.
        stopwatch: measures the stages of the work.
        device: device of the models, for executors that hand out GPUs.
    """

    work: Callable[[Sequence[Piece]], list[Row]]
    seed: int
    stopwatch: Stopwatch
    device: torch.device

    def __call__(self, batch: Sequence[Piece]) -> Computed:
        """The rows of a batch, and where the time went."""
        with seeded_globals(draw_generator(self.seed, repr(batch), "network", 0)):
            rows = self.work(batch)
        return Computed(rows, self.stopwatch.take(), os.getpid())


@dataclass(frozen=True)
class Recording:
    """Writes what a command computes from its models and cases.

    Attributes:
        subjects: models and cases.
        directory: where the command writes.
        executor: computes the batches.
        on_progress: called before the first batch of pieces and after each batch.
        spent: where the time goes.
    """

    subjects: Subjects
    directory: RunDirectory
    executor: AbstractExecutor
    on_progress: Callable[[Progress], object]
    spent: Spent = field(default_factory=Spent)

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
            command: the command whose files are written, as in `RunDirectory`.
            subjects: models and cases.
            out: the run directory; None for a temporary one.
            executor: as in `--executor`.
            on_progress: called before the first batch of pieces and after each batch.

        Raises:
            RequestError: no executor has this name, or the executor does not accept the setting.
        """
        directory = RunDirectory.temporary(command) if out is None else RunDirectory(out, command)
        return cls(subjects, directory, open_executor(executor), on_progress)

    def begun(
        self, asked: dict[str, Any], batches: Sequence[Sequence[Piece]], **entries: Any
    ) -> AbstractContextManager[None]:
        """Write the request, digests of the cases, the plan, the device, the versions and the dataset's remarks; or
        continue the same run.

        Within the context that is returned, no other process writes into the directory.

        Args:
            asked: settings that a run that began in the directory must share to be the same; models and data are added.
            batches: the plan.
            **entries: further entries of the request file.

        Raises:
            RequestError: the directory holds another run or other files, cannot be written, or another process writes
                into it.
            StorageError: the disk is full, can only be read, or is gone.
        """
        return self.directory.writing(
            {
                "asked": {**asked, **self.subjects.describe()},
                "case_digests": {entry.id: self.subjects.cases.digests[entry.id] for entry in self.subjects.good},
                "plan": batches,
                "device": str(self.subjects.device),
                "versions": versions(),
                "data_remarks": self.subjects.cases.remarks,
                **entries,
            }
        )

    def compute(
        self,
        batches: Sequence[Sequence[Piece]],
        work: Callable[[Sequence[Piece]], list[Row]],
        counting: Counting,
        *,
        seed: int,
        first: int = 0,
    ) -> None:
        """Compute and write the rows of every batch that is not written yet; the first batch has the number `first`.

        What computes here, and for how long, is written into the directory; a run that was whole already keeps what
        it says.
        """
        whole = not self.directory.missing(range(first, first + len(batches)))
        stopwatch = self.subjects.cases.stopwatch
        self.spent.add(stopwatch.take())  # before the stopwatch is copied to other processes
        with nullcontext() if whole and batches else recorded(self.directory, self.subjects.device):
            self._compute(batches, Seeded(work, seed, stopwatch, self.subjects.device), counting, first)

    def _compute(self, batches: Sequence[Sequence[Piece]], work: Seeded, counting: Counting, first: int) -> None:
        numbers = self.directory.missing(range(first, first + len(batches)))
        waiting = {number: batches[number - first] for number in numbers}
        total = sum(map(len, batches))
        resumed = done = total - sum(map(len, waiting.values()))
        self.on_progress(Progress(done, total, resumed))
        of_batches = {number: Passes.total(map(counting.of, batch)) for number, batch in waiting.items()}
        needed, passed = Passes.total(of_batches.values()), Passes()
        begun = monotonic()
        for number, computed in self.executor.results(work, waiting):
            with work.stopwatch.stage("write"):
                self.directory.write(number, computed.rows)
            done += len(waiting[number])
            self.spent.add_batch(computed, of_batches[number].plain)
            passed = Passes.total((passed, of_batches[number]))
            seconds = monotonic() - begun
            in_all = seconds * needed.cost / passed.cost
            ahead = Work(needed, counting.networks, counting.at_most, in_all, counting.what)
            self.on_progress(Progress(done, total, resumed, ahead if seconds >= _KNOWN_AFTER else None))

    def profile(self) -> Profile:
        """Where the time went from the first case that was read until now."""
        self.spent.add(self.subjects.cases.stopwatch.take())
        return self.spent.profile(perf_counter() - self.subjects.cases.stopwatch.begun)

    def extend(self, batches: Sequence[Sequence[Piece]], **entries: Any) -> None:
        """Write a plan to which batches were added, with further entries of the request file."""
        self.directory.add({"plan": batches, **entries})

    def end(self, number: int, rows: Sequence[Row] = ()) -> None:
        """Write the last rows as batch `number`, with those of cases that could not be used; then gather all rows."""
        with self.subjects.cases.stopwatch.stage("write"):
            self.directory.write(number, [*rows, *self.subjects.failed_rows()])
            self.directory.compact()
