"""Batches of pieces, computed one after the other, each written whole before the next begins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from robustq.results.directory import RunDirectory
from robustq.results.rows import Row
from robustq.run.plan import Piece


@dataclass(frozen=True)
class Progress:
    """Where a run stands: pieces done of all, and those that an earlier, killed run had done."""

    done: int
    total: int
    resumed: int


def compute(
    directory: RunDirectory,
    batches: Sequence[Sequence[Piece]],
    work: Callable[[Sequence[Piece]], list[Row]],
    on_progress: Callable[[Progress], object],
    *,
    first: int = 0,
) -> None:
    """Write the rows of every batch that is not there yet; the first of them has the number `first`."""
    total, done, resumed = sum(map(len, batches)), 0, 0
    for number, batch in enumerate(batches, first):
        done += len(batch)
        if directory.has(number):
            resumed += len(batch)
        else:
            directory.write(number, work(batch))
        on_progress(Progress(done, total, resumed))
