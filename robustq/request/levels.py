"""Reads and checks the levels of a run, from the command line or from Python."""

from collections.abc import Sequence

from robustq.errors import RequestError

DEFAULT = (0.0, 1.0, 10.0, 20.0, 30.0)
"""The levels of a run that is asked for none."""

HIGHEST = 100.0
"""The highest level, in percent."""

ACCEPTED = "give percentages from 0 to 100, such as 0,1,10,20,30"


def parse_levels(text: str) -> tuple[float, ...]:
    """The levels of a text such as `0,1,10,20,30`.

    Raises:
        RequestError: an entry is not a percentage.
    """
    entries = [entry.strip() for entry in text.split(",")]
    try:
        return check_levels([float(entry) for entry in entries])
    except ValueError as error:
        if isinstance(error, RequestError):
            raise
        raise RequestError(f"--levels {text!r} has an entry that is not a number: {ACCEPTED}") from error


def check_levels(levels: Sequence[float] | str) -> tuple[float, ...]:
    """The levels in growing order, each once. Level 0 is added if it is missing.

    Args:
        levels: a list or an array of numbers, or the text of `--levels`.

    Raises:
        RequestError: a level is not a percentage, or no level is given.
    """
    if isinstance(levels, str):
        return parse_levels(levels)
    try:
        levels = [float(level) for level in levels]
    except (TypeError, ValueError) as error:
        raise RequestError(f"levels={levels!r} is not a list of numbers: {ACCEPTED}, as in levels=[0, 10]") from error
    if not levels:
        raise RequestError(f"no level was given: {ACCEPTED}")
    for level in levels:
        if not 0 <= level <= HIGHEST:
            raise RequestError(f"level {level:g} is not a percentage: {ACCEPTED}")
    return tuple(sorted({0.0, *map(float, levels)}))
