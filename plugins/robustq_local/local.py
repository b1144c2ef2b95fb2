"""The executor `local`."""

from collections.abc import Callable, Iterator, Mapping

from robustq.executor import AbstractExecutor, Batch, Result


class Local(AbstractExecutor):
    """Compute batches one after the other in this process."""

    def results(self, work: Callable[[Batch], Result], batches: Mapping[int, Batch]) -> Iterator[tuple[int, Result]]:
        """The result of each batch with its number, in the order of the batches."""
        for number, batch in batches.items():
            yield number, work(batch)
