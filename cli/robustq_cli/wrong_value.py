"""Says in plain words what is wrong with the value of an option, in place of the library of the command line."""

import re
from typing import Any

from robustq.request.draws import AUTO

_KINDS = {"integer": "a whole number", "number": "a number", "float": "a number"}
"""Words of the library's messages, and the kind of value that was expected."""


def in_words(error: Exception, message: str) -> str:
    """The sentence for an error of the library; its own message, unless a value is no number where one is needed.

    Args:
        error: the error, with the option as its `param`.
        message: what the library says.
    """
    option = getattr(error, "param", None)
    kind = next((words for word, words in _KINDS.items() if f"valid {word}" in message), None)
    value = _value(error, message)
    if option is None or kind is None or value is None:
        return message
    example = option.default if isinstance(option.default, int | float) else 1
    if option.opts[0] == "--draws" and value == AUTO:
        return f"--draws {AUTO} is only for stress, which chooses the number itself: give a number, such as {example:g}"
    return f"{option.opts[0]} {value!r} is not {kind}: give one, such as {example:g}"


def _value(error: Exception, message: str) -> str | None:
    """The value that the user gave; None where the error does not hold it."""
    details: Any = getattr(error.__cause__, "errors", None)
    if details is not None:
        return str(details()[0]["input"])
    quoted = re.search(r"'([^']*)' is not a valid", message)
    return None if quoted is None else quoted[1]
