"""The levels of a run, from the command line or from Python."""

from collections.abc import Sequence

from robustq.errors import RequestError

ACCEPTED = "give percentages from 0 to 100, such as 0,1,10,20,30"


def parse_levels(text: str) -> tuple[float, ...]:
    """Read `0,1,10,20,30`.

    Raises:
        RequestError: something in it is not a percentage.
    """
    parts = [part.strip() for part in text.split(",")]
    try:
        return check_levels([float(part) for part in parts])
    except ValueError as error:
        if isinstance(error, RequestError):
            raise
        raise RequestError(f"--levels {text!r} has something that is not a number: {ACCEPTED}") from error


def check_levels(levels: Sequence[float]) -> tuple[float, ...]:
    """The levels in growing order, each once, level 0 always among them.

    Raises:
        RequestError: one is not a percentage, or there is none.
    """
    if not levels:
        raise RequestError(f"no level was given: {ACCEPTED}")
    for level in levels:
        if not 0 <= level <= 100:
            raise RequestError(f"level {level:g} is not a percentage: {ACCEPTED}")
    return tuple(sorted({0.0, *map(float, levels)}))
