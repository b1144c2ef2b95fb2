"""Completes words in the shell: names of registered items, and choices of options. Nothing here imports torch.

Each function returns a completion: a function from the word typed so far to the words that begin with it.
"""

import re
from collections.abc import Callable

from robustq import registry
from robustq.request.names import PRESETS

Completion = Callable[[str], list[str]]


def one_of(*choices: str) -> Completion:
    """Offer these words."""
    return _completion(lambda: list(choices))


def one_item(kind: str, *others: str) -> Completion:
    """Offer the names of the items of a kind, and other words."""
    return _completion(lambda: [*registry.names(kind), *others])


def several_items(kind: str, *others: str) -> Completion:
    """Offer the same as `one_item`, for several names separated by commas, or by plus signs in a chain."""
    return _completion(lambda: [*registry.names(kind), *others], separators=",+")


def kinds() -> Completion:
    """Offer the kinds that `robustq list` lists."""
    return _completion(lambda: [*registry.KINDS, "presets"])


def words_of_kinds() -> Completion:
    """Offer the word for one item of each kind, such as metric."""
    return _completion(lambda: list(registry.KINDS.values()))


def preset() -> Completion:
    """Offer the presets, and all for every perturbation."""
    return _completion(lambda: [*PRESETS, "all"])


def data() -> Completion:
    """Offer the names of datasets. Offer nothing for an empty word, so that the shell offers files."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in registry.names("datasets") if incomplete and name.startswith(incomplete)]

    return complete


def _completion(choices: Callable[[], list[str]], separators: str = "") -> Completion:
    def complete(incomplete: str) -> list[str]:
        finished = re.match(rf".*[{separators}]", incomplete) if separators else None
        prefix = finished[0] if finished else ""
        return [prefix + choice for choice in choices() if choice.startswith(incomplete[len(prefix) :])]

    return complete
