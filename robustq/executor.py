"""The contract of an executor: where the batches of a run are computed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from robustq.errors import RequestError

Batch = TypeVar("Batch")
Result = TypeVar("Result")


class AbstractExecutor(ABC):
    """Computes the batches of a run, in this process or somewhere else.

    What must hold for every implementation, and is checked by `robustq.testing`:

    - Every batch is computed once, and its result is given as soon as it is there, under the batch's number. The order
      is free: a run writes each result whole when it comes, so that nothing computed is lost.
    - The result is what `work` returns for that batch, whatever is computed beside it.
    - An exception of `work` ends the iteration and reaches the caller as it was raised.
    - Where the caller stops iterating, no further batch is begun.

    An executor that leaves this process hands `work` and the batches over by pickling.
    """

    @classmethod
    def parse(cls, setting: str) -> "AbstractExecutor":
        """The executor from what follows its name and a colon in `--executor NAME:SETTING`; "" if nothing does.

        Raises:
            RequestError: the executor does not take that; the message says what it takes.
        """
        if setting:
            raise RequestError(f"this executor takes nothing after the colon, and {setting!r} was given: leave it out")
        return cls()

    @abstractmethod
    def results(self, work: Callable[[Batch], Result], batches: Mapping[int, Batch]) -> Iterator[tuple[int, Result]]:
        """The result of every batch, with its number.

        Args:
            work: computes one batch.
            batches: by number, in the order in which they are best begun.
        """
