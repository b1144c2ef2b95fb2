"""How many passes through networks a run makes, and how long they take."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from robustq.report.numbers import count
from robustq.run.plan import Piece

LONG = 60.0
"""Seconds; what a longer run will take is said when it begins."""

_GRADIENT = 3
"""Cost of a pass with gradient in plain passes: the way back costs about twice the way there."""


class Passes(NamedTuple):
    """Passes of one image, or one volume, through one network.

    Attributes:
        plain: passes without gradient.
        with_gradient: passes with gradient, which attacks make.
    """

    plain: int = 0
    with_gradient: int = 0

    @classmethod
    def total(cls, several: Iterable["Passes"]) -> "Passes":
        """The sum of several numbers of passes."""
        passes = list(several)
        return cls(sum(each.plain for each in passes), sum(each.with_gradient for each in passes))

    @property
    def cost(self) -> int:
        """About how many plain passes take as long."""
        return self.plain + _GRADIENT * self.with_gradient


@dataclass(frozen=True)
class Counting:
    """How the passes of a run are counted.

    Attributes:
        of: the passes of a piece.
        networks: number of networks.
        at_most: whether a piece can take fewer passes than `of` says, as a search does.
        what: whose passes they are, as the subject of a sentence.
    """

    of: Callable[[Piece], Passes]
    networks: int
    at_most: bool = False
    what: str = "This run"


@dataclass(frozen=True)
class Work:
    """What a run has to do in all, without the pieces that an earlier, killed run had written.

    Attributes:
        passes: number of passes, counted without running them.
        networks: number of networks.
        at_most: whether there can be fewer passes.
        seconds: estimated time of all of them, from the time of those that are done.
        what: as in `Counting`.
    """

    passes: Passes
    networks: int
    at_most: bool
    seconds: float
    what: str = "This run"

    @property
    def is_long(self) -> bool:
        """Whether it takes more than a minute."""
        return self.seconds > LONG

    def __str__(self) -> str:
        """`This run makes 12 400 passes through 2 networks, 8 000 of them with gradient, about 14 minutes here.`"""
        plain, with_gradient = self.passes
        number = f"{'at most ' if self.at_most else ''}{_spaced(plain + with_gradient)}"
        gradient = f", {_spaced(with_gradient)} of them with gradient" if with_gradient else ""
        return (
            f"{self.what} makes {number} passes through {count(self.networks, 'network')}{gradient}, {self._time} here."
        )

    @property
    def _time(self) -> str:
        minutes = self.seconds / 60
        return f"about {count(round(minutes), 'minute')}" if minutes < 90 else f"about {minutes / 60:.1f} hours"


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NO-BREAK SPACE}")
