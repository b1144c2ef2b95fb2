"""Brings the settings of an architecture into values that a bundle can hold."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from robustq.errors import RequestError


def json_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as JSON values; numbers of numpy become plain numbers.

    Raises:
        RequestError: a setting is something else, such as a class, a path or a tensor, or is not finite.
    """
    return {name: _json_value(value, name) for name, value in arguments.items()}


def _json_value(value: Any, name: str) -> Any:
    if isinstance(value, np.generic):
        return _json_value(value.item(), name)
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple):
        entries = [_json_value(entry, name) for entry in value]
        return entries if isinstance(value, list) else tuple(entries)
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _json_value(entry, name) for key, entry in value.items()}
    raise RequestError(
        f"{name}={value!r} was given, which a bundle cannot hold: give a finite number, a text, True, False, None, or "
        "a list, tuple or dict of these; or build the network yourself and wrap it with example=x"
    )
