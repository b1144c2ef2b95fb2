"""Computes batches of pieces with an executor and writes the rows of each batch when they are complete."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from robustq import registry
from robustq.executor import AbstractExecutor
from robustq.results.directory import RunDirectory
from robustq.run.passes import Counting, Passes, Work
from robustq.run.plan import Piece
from robustq.run.profile import Computed, Spent
from robustq.stopwatch import Stopwatch

SETTLED = 2.0
"""Seconds after which the time of a pass is known well enough; the first passes are slower."""


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    Attributes:
        done: number of pieces whose rows are written.
        total: number of all pieces.
        resumed: number of pieces that an earlier, killed run had written; they are counted in `done`.
        work: what the run has to do in all; None in its first seconds, when the time cannot be estimated yet.
    """

    done: int
    total: int
    resumed: int
    work: Work | None = field(default=None, compare=False)


def open_executor(text: str) -> AbstractExecutor:
    """The executor for a text of `--executor`, such as "local", or `NAME:SETTING`.

    Raises:
        RequestError: no executor has this name, or the executor does not accept the setting.
    """
    name, _, setting = text.partition(":")
    executor: AbstractExecutor = registry.load("executors", name).parse(setting)
    return executor


def compute(
    directory: RunDirectory,
    batches: Sequence[Sequence[Piece]],
    work: Callable[[Sequence[Piece]], Computed],
    on_progress: Callable[[Progress], object],
    executor: AbstractExecutor,
    *,
    counting: Counting,
    spent: Spent,
    stopwatch: Stopwatch,
    first: int = 0,
) -> None:
    """Compute and write the rows of every batch that is not written yet; the number of the first batch is `first`."""
    waiting = {number: batches[number - first] for number in directory.missing(range(first, first + len(batches)))}
    total = sum(map(len, batches))
    resumed = done = total - sum(map(len, waiting.values()))
    on_progress(Progress(done, total, resumed))
    of_batches = {number: Passes.total(map(counting.of, batch)) for number, batch in waiting.items()}
    needed, passed = Passes.total(of_batches.values()), Passes()
    begun = monotonic()
    for number, computed in executor.results(work, waiting):
        with stopwatch.stage("write"):
            directory.write(number, computed.rows)
        done += len(waiting[number])
        spent.add_batch(computed, of_batches[number].plain)
        passed = Passes.total((passed, of_batches[number]))
        seconds = monotonic() - begun
        ahead = Work(needed, counting.networks, counting.at_most, seconds * needed.cost / passed.cost, counting.what)
        on_progress(Progress(done, total, resumed, ahead if seconds >= SETTLED else None))
