"""Computes rows in batches that fit in memory, and says in the rows where these had to be smaller."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from robustq.network.memory import with_smaller_batches
from robustq.results.rows import SMALLER, Row


@dataclass
class FittingRows:
    """Computes rows in batches that fit in memory. The batch size that fitted last is tried first."""

    _fits: int = field(default=0, repr=False)

    def __call__(self, compute: Callable[[int], Iterable[Row]], sizes: Mapping[str, int]) -> list[Row]:
        """The rows that are computed; the reason of a row says where its model got a smaller batch.

        Args:
            compute: the rows for a largest batch size.
            sizes: for each model, the batch size that was asked for.

        Raises:
            CaseError: a batch of one does not fit.
        """
        rows, fits = with_smaller_batches(lambda size: list(compute(size)), self._fits or max(sizes.values()))
        self._fits = fits
        reasons = {
            name: f"{SMALLER}{fits}, because {size} did not fit in memory"
            for name, size in sizes.items()
            if size > fits
        }
        return [replace(row, reason=row.reason or reasons[row.model]) if row.model in reasons else row for row in rows]
