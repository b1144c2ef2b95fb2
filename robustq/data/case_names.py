"""Names the first of the cases of which a sentence says something."""

from collections.abc import Sequence

NAMED = 5
"""At most this many are named in a sentence."""


def first_names(ids: Sequence[str]) -> str:
    """The first of these ids, and three dots where there are more."""
    return f"{', '.join(ids[:NAMED])}{', ...' if len(ids) > NAMED else ''}"


def with_cases(text: str, ids: Sequence[str]) -> str:
    """What the text says of cases, with their number and the first of their ids."""
    return f"{text}: {len(ids)} ({first_names(ids)})"
