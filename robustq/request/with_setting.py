"""Splits and joins `NAME@SETTING`, as in `nsd@2mm`, `pgd@l2` or `taylor@90`. No other module splits such a text."""

from robustq import registry
from robustq.errors import RequestError

_AT = "@"


def split_setting(kind: str, text: str) -> tuple[str, str]:
    """The registered name of an item, and its setting as written; "" without a setting.

    Args:
        kind: kind of the item, one of `robustq.registry.KINDS`.
        text: `NAME` or `NAME@SETTING`; the name may be an alias.

    Raises:
        RequestError: the name is unknown, or nothing follows the @.
    """
    written, at, setting = text.strip().partition(_AT)
    name = registry.canonical(kind, written)
    if at and not setting:
        raise RequestError(
            f"{registry.KINDS[kind]} {text.strip()!r} has no setting after the @: write one, or leave the @ out"
        )
    return name, setting


def join_setting(name: str, setting: str) -> str:
    """The text that `split_setting` splits into this name and setting."""
    return f"{name}{_AT}{setting}" if setting else name


def without_setting(text: str) -> str:
    """The name in `NAME` or `NAME@SETTING`, as written."""
    return text.partition(_AT)[0]


def is_one_of(kind: str, text: str) -> bool:
    """Whether a text, with or without a setting, names a registered item of this kind; aliases do not count."""
    return without_setting(text) in registry.names(kind)
