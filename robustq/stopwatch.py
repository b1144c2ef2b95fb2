"""Measures the seconds that a run spends in each of its stages."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import TypeVar

Item = TypeVar("Item")


@dataclass
class Stopwatch:
    """Adds up the seconds of each stage. A stage that begins within another one interrupts it.

    Attributes:
        begun: when the stopwatch was made, as `perf_counter` gives it.
    """

    begun: float = field(default_factory=perf_counter)
    _seconds: dict[str, float] = field(default_factory=dict, repr=False)
    _open: list[str] = field(default_factory=list, repr=False)
    _since: float = field(default=0.0, repr=False)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Within this context, time is spent in this stage."""
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def each(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """The items; the time until each one comes is spent in this stage."""
        remaining = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(remaining)
                except StopIteration:
                    return
            yield item

    def take(self) -> dict[str, float]:
        """The seconds of each stage since the last call."""
        seconds, self._seconds = self._seconds, {}
        return seconds

    def _turn(self) -> None:
        """Add the time since the last turn to the stage that is open."""
        now = perf_counter()
        if self._open:
            stage = self._open[-1]
            self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._since
        self._since = now
