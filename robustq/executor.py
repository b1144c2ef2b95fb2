"""The contract of an executor: where the batches of a run are computed."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from robustq.errors import RequestError

Batch = TypeVar("Batch")
Result = TypeVar("Result")


class AbstractExecutor(ABC):
    """Computes the batches of a run, in this process or somewhere else.

    Every implementation keeps these rules, and `robustq.testing` checks them:

    - Every batch is computed once. Its result is given as soon as it is computed, with the batch's number. The order
      is free: a run writes each result to a file when it comes, so that no computed result is lost.
    - The result is what `work` returns for this batch; the other batches do not change it.
    - An exception of `work` ends the iteration and reaches the caller unchanged.
    - When the caller stops iterating, no further batch is begun.

    An executor that leaves this process hands `work` and the batches over by pickling.
    """

    @classmethod
    def parse(cls, setting: str) -> "AbstractExecutor":
        """The executor with a setting, the text after the colon in `--executor NAME:SETTING`; "" without one.

        Raises:
            RequestError: the executor does not take this setting; the message says what it takes.
        """
        if setting:
            raise RequestError(f"this executor takes nothing after the colon, and {setting!r} was given: leave it out")
        return cls()

    @abstractmethod
    def results(self, work: Callable[[Batch], Result], batches: Mapping[int, Batch]) -> Iterator[tuple[int, Result]]:
        """The number and the result of every batch.

        Args:
            work: function that computes one batch. Its attribute `device`, if it has one, is the torch device that it
                needs.
            batches: number of a batch -> batch, in the best order to begin them.
        """
