"""Reads and checks the number of draws of a run, from the command line or from Python."""

from numbers import Integral
from typing import Literal

from robustq.errors import RequestError

AUTO: Literal["auto"] = "auto"
"""The word for a number that the run chooses itself, at each level (docs/definitions.md, `--draws auto`)."""

FIRST = 4
"""Number of draws of the first stage of `--draws auto`, and so the smallest number that it chooses."""

MOST = 100
"""Largest number that `--draws auto` chooses, unless another is asked."""

Draws = int | Literal["auto"]
"""A number of draws, or `AUTO`."""


def parse_draws(text: str) -> Draws:
    """The number of a text such as `10`, or `AUTO`.

    Raises:
        RequestError: the text is neither a number nor the word.
    """
    if text == AUTO:
        return AUTO
    try:
        return int(text)
    except ValueError as error:
        raise RequestError(f"--draws {text!r} is not a whole number: give one, such as 10, or {AUTO}") from error


def check_draws(draws: Draws | None) -> None:
    """Refuse a number of draws that is not whole, or below 1.

    Raises:
        RequestError: the number is not whole, or below 1.
    """
    if draws is None or draws == AUTO:
        return
    if isinstance(draws, bool) or not isinstance(draws, Integral):
        raise RequestError(f"draws={draws!r} is not a whole number: give one, such as 10")
    if draws < 1:
        raise RequestError(f"draws={draws} was asked: give 1 or more")


def check_fixed_draws(draws: Draws | None) -> None:
    """Refuse `AUTO`, and a number of draws below 1.

    Raises:
        RequestError: the number is below 1, or left to the run.
    """
    if draws == AUTO:
        raise RequestError(
            f"draws={AUTO} was asked, but only stress chooses the number itself: give a number, such as 10"
        )
    check_draws(draws)


def most_draws(draws: Draws | None, asked: int | None) -> int:
    """The largest number that `AUTO` may choose.

    Args:
        draws: what was asked as number of draws.
        asked: what was asked as largest number; None for the default.

    Raises:
        RequestError: the largest number is below `FIRST`, or was asked beside a fixed number.
    """
    if asked is None:
        return MOST
    if draws != AUTO:
        raise RequestError(f"max_draws={asked} was asked without draws={AUTO}: leave it out, or ask for {AUTO}")
    if asked < FIRST:
        raise RequestError(f"max_draws={asked} was asked: give {FIRST} or more, because each level gets {FIRST} first")
    return asked
