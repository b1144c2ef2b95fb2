"""Reads values that an option gives as text: 128x128, LOW..HIGH, MEANS:DEVIATIONS, VALUE=NAME,... and KEY=VALUE."""

import json
import re
from typing import Any, TypeVar

from robustq.errors import RequestError

Number = TypeVar("Number", int, float)

_NUMBERS = re.compile(r"[-+.\d\s]+(,[-+.\d\s]+)+")
"""A list of numbers without its brackets."""

_WORDS = {"true": "true", "false": "false", "null": "null", "none": "null"}
"""Words that mean a value of JSON in some spelling, and how JSON writes it."""


def numbers(option: str, text: str | None, kind: type[Number]) -> tuple[Number, ...] | None:
    """The numbers of a text such as `128x128`; None for None.

    Args:
        option: name of the option, for the message.
        text: value of the option.
        kind: int or float.

    Raises:
        RequestError: an entry is not a number of this kind.
    """
    if text is None:
        return None
    try:
        return tuple(kind(number) for number in text.split("x"))
    except ValueError as error:
        raise RequestError(f"{option} {text!r} is not a list of numbers: write them as in 128x128") from error


def window(text: str | None) -> tuple[float, float] | None:
    """The lower and the upper end of a text such as `-160..240`; None for None.

    Raises:
        RequestError: the text is not of this form.
    """
    if text is None:
        return None
    low, _, high = text.partition("..")
    try:
        return float(low), float(high)
    except ValueError as error:
        raise RequestError(f"--window {text!r} is not a window: write LOW..HIGH as in -160..240") from error


def mean_std(text: str | None) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The means and the standard deviations of a text such as `0.485,0.456,0.406:0.229,0.224,0.225`; None for None.

    Raises:
        RequestError: the text is not of this form.
    """
    if text is None:
        return None
    means, _, deviations = text.partition(":")
    try:
        parts = [tuple(float(number) for number in part.split(",")) for part in (means, deviations)]
    except ValueError as error:
        raise RequestError(
            f"--mean-std {text!r} is not a list of means and standard deviations: write them for each channel as in "
            "0.485,0.456,0.406:0.229,0.224,0.225"
        ) from error
    return parts[0], parts[1]


def labels(text: str | None) -> tuple[tuple[int, str], ...] | None:
    """The mask values and names of a text such as `1=lung,5=heart`; None for None.

    Raises:
        RequestError: the text is not of this form.
    """
    if text is None:
        return None
    pairs = [(value.strip(), name.strip()) for value, _, name in (pair.partition("=") for pair in text.split(","))]
    if not all(value.isdecimal() and name for value, name in pairs):
        raise RequestError(f"--labels {text!r} is not a list of labels: write VALUE=NAME,... as in 1=lung,5=heart")
    return tuple((int(value), name) for value, name in pairs)


def head(text: str | None) -> int | str | None:
    """The place or the key of an entry of a network's output, such as `-1` or `logits`; None for None."""
    if text is not None and text.removeprefix("-").isdecimal():
        return int(text)
    return text


def setting(text: str) -> tuple[str, Any]:
    """The name and the value of a text such as `width=16`. The value is a number if it can be read as one, else what it
    is in JSON (`true`, `false`, `null`, a list, a text in quotes), else the text itself.

    Raises:
        RequestError: the text is not of this form, or it spells a word of JSON in other letters.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise RequestError(f"--set {text!r} is not a setting: write KEY=VALUE as in width=16")
    for kind in (int, float):
        try:
            return key, kind(value)
        except ValueError:
            continue
    try:
        return key, json.loads(value)
    except json.JSONDecodeError as error:
        if value.lower() in _WORDS and value != "none":
            raise RequestError(
                f"--set {text!r} could be the word {value} or {_WORDS[value.lower()]}: write {key}="
                f"{_WORDS[value.lower()]}, or the word in quotes, {key}='\"{value}\"'"
            ) from error
        if value[:1] in ("[", "{") or _NUMBERS.fullmatch(value):
            raise RequestError(
                f"--set {text!r} is not a list as JSON writes it ({error}): write it as in channels=[8,16,32], with "
                "texts in double quotes"
            ) from error
    return key, value
