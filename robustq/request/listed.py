"""Reads a list of names that may be given as one text."""

from collections.abc import Sequence


def listed(value: str | Sequence[str]) -> list[str]:
    """The texts of a list, or of one text that separates them by commas."""
    entries = value.split(",") if isinstance(value, str) else value
    return [entry.strip() for entry in entries if entry.strip()]


def as_text(value: str | Sequence[str]) -> str:
    """A list of names as one text that separates them by commas."""
    return value if isinstance(value, str) else ",".join(value)
