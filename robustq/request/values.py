"""Values that an option gives as text: 128x128, LOW..HIGH, VALUE=NAME,... and KEY=VALUE."""

from typing import TypeVar

from robustq.errors import RequestError

Number = TypeVar("Number", int, float)


def numbers(option: str, text: str | None, kind: type[Number]) -> tuple[Number, ...] | None:
    """`128x128` as numbers; None for None.

    Args:
        option: name of the option, for the message.
        text: what was given to it.
        kind: int or float.

    Raises:
        RequestError: a part is no such number.
    """
    if text is None:
        return None
    try:
        return tuple(kind(part) for part in text.split("x"))
    except ValueError as error:
        raise RequestError(f"{option} {text!r} is not a list of numbers: write them as in 128x128") from error


def window(text: str | None) -> tuple[float, float] | None:
    """`-160..240` as the lower and the upper end; None for None.

    Raises:
        RequestError: it is not written so.
    """
    if text is None:
        return None
    low, _, high = text.partition("..")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise RequestError(f"--window {text!r} is not a window: write LOW..HIGH as in -160..240") from error


def labels(text: str | None) -> tuple[tuple[int, str], ...] | None:
    """`1=lung,5=heart` as mask values and names; None for None.

    Raises:
        RequestError: it is not written so.
    """
    if text is None:
        return None
    pairs = [(value.strip(), name.strip()) for value, _, name in (part.partition("=") for part in text.split(","))]
    if not all(value.isdecimal() and name for value, name in pairs):
        raise RequestError(f"--labels {text!r} is not a list of labels: write VALUE=NAME,... as in 1=lung,5=heart")
    return tuple((int(value), name) for value, name in pairs)


def setting(text: str) -> tuple[str, int | float | str]:
    """`width=16` as a name and a value: a whole number, else a number, else the text itself.

    Raises:
        RequestError: it is not written so.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise RequestError(f"--set {text!r} is not a setting: write KEY=VALUE as in width=16")
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    return key, value
