"""Reads the settings of a dataset in files, given as text from `--data` or as values from Python."""

import re
from collections.abc import Mapping, Sequence

from robustq.errors import RequestError

_NEXT = re.compile(r",\s*\d+=")
"""What begins a further label where a comma separates labels, as in `--labels` of robustq wrap."""


def parse_labels(labels: Mapping[int, str] | str | None) -> Mapping[int, str] | None:
    """The mask values and names of a text such as `1=lung|5=heart`; other values are returned as they are."""
    if not isinstance(labels, str):
        return labels
    pairs = [pair.partition("=") for pair in labels.split("|")]
    if not all(re.fullmatch(r"\d+", value) and name and not _NEXT.search(name) for value, _, name in pairs):
        raise RequestError(
            f"labels={labels} is not a list of labels: write VALUE=NAME|VALUE=NAME, as in 1=lung|5=heart"
        )
    named = {int(value): name for value, _, name in pairs}
    if 0 in named or len({*named.values()}) < len(pairs) or len(named) < len(pairs):
        raise RequestError(
            f"labels={labels} repeats a mask value or a name, or names the background 0: give each value above 0 once"
        )
    return named


def parse_window(window: Sequence[float] | str | None) -> tuple[float, float] | None:
    """The two numbers of a window such as `-160..240`; None if none is given."""
    if window is None:
        return None
    try:
        low, high = (float(bound) for bound in (window.split("..") if isinstance(window, str) else window))
    except ValueError as error:
        raise RequestError(f"window={window} is not a window: write LOW..HIGH, as in -160..240") from error
    if not low < high:
        raise RequestError(f"window={window} is empty: give low < high")
    return low, high


def parse_ignore(ignore: int | str | None) -> int | None:
    """The mask value that is neither trained on nor scored; None if none is given."""
    try:
        return None if ignore is None else int(ignore)
    except ValueError as error:
        raise RequestError(f"ignore={ignore} is not a mask value: give a whole number") from error


WAY_WITHOUT_MASKS = "for images that have no masks, give robustq stress --without-labels"
"""How images without masks can be used, for messages."""


def parse_switch(name: str, text: str) -> bool:
    """Whether a setting that takes yes or no says yes.

    Raises:
        RequestError: it says neither.
    """
    if text not in ("yes", "no"):
        raise RequestError(f"{name}={text!r} was given: write {name}=yes, or leave it out")
    return text == "yes"


def group_of(identity: str, pattern: str | None) -> str:
    """The patient in a case id: the first group of a regular expression, or else its whole match.

    Raises:
        RequestError: the pattern is not a regular expression, or does not match, or matches an empty text.
    """
    if pattern is None:
        return identity
    try:
        match = re.search(pattern, identity)
    except re.error as error:
        raise RequestError(f"group={pattern} is not a regular expression: {error}") from error
    if match is None:
        raise RequestError(f"group={pattern} matches nothing in the case id {identity!r}: correct it, or leave it out")
    patient = match[1] if match.groups() and match[1] is not None else match[0]
    if not patient:  # all such cases would be one patient
        raise RequestError(
            f"group={pattern} matches an empty text in the case id {identity!r}: correct it, as in (patient\\d+)"
        )
    return str(patient)
