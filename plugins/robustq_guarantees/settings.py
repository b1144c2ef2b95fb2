"""Reads and writes settings of several numbers, such as sigma=0.1:radius=0.05."""

import math
from collections.abc import Mapping

from robustq.errors import RequestError


def parse_numbers(text: str, defaults: Mapping[str, float], example: str) -> dict[str, float]:
    """The value of every name: that of the text, or the default.

    Args:
        text: what follows the @; names with their values, separated by colons.
        defaults: the names and their default values, in their order.
        example: a check with a setting, for the message.

    Raises:
        RequestError: a name is unknown or given twice, or a value is no number.
    """
    given: dict[str, float] = {}
    for part in text.split(":") if text else ():
        name, _, value = part.partition("=")
        if name not in defaults or name in given:
            raise _refusal(text, defaults, example)
        try:
            given[name] = float(value)
        except ValueError as error:
            raise _refusal(text, defaults, example) from error
        if not math.isfinite(given[name]):
            raise _refusal(text, defaults, example)
    return {**defaults, **given}


def spelled(values: Mapping[str, float], defaults: Mapping[str, float]) -> str:
    """The one spelling of a setting: default values are left out."""
    return ":".join(f"{name}={values[name]:.12g}" for name in defaults if values[name] != defaults[name])


def _refusal(text: str, defaults: Mapping[str, float], example: str) -> RequestError:
    return RequestError(
        f"{text!r} is not understood: give {' and '.join(defaults)} as NAME=NUMBER, each at most once and separated by "
        f"a colon, as in {example}"
    )
