"""What the shell offers when a word is completed: registered names and choices. Nothing here imports torch.

Each function makes a completion, which takes the word typed so far and returns the words that begin with it.
"""

import re
from collections.abc import Callable

from robustq import registry
from robustq.request.names import PRESETS

Completion = Callable[[str], list[str]]


def one_of(*choices: str) -> Completion:
    """One of these words."""
    return _completion(lambda: list(choices))


def one_item(kind: str, *others: str) -> Completion:
    """The name of an item of that kind, or one of the other words."""
    return _completion(lambda: [*registry.names(kind), *others])


def several_items(kind: str, *others: str) -> Completion:
    """Names as above, separated by commas; those of a chain by a plus sign."""
    return _completion(lambda: [*registry.names(kind), *others], separators=",+")


def kinds() -> Completion:
    """What `robustq list` lists."""
    return _completion(lambda: [*registry.KINDS, "presets"])


def words_of_kinds() -> Completion:
    """The word for one item of each kind."""
    return _completion(lambda: list(registry.KINDS.values()))


def preset() -> Completion:
    """A preset, or all perturbations."""
    return _completion(lambda: [*PRESETS, "all"])


def data() -> Completion:
    """The name of a dataset; where nothing is typed yet, nothing, so that the shell offers files."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in registry.names("datasets") if incomplete and name.startswith(incomplete)]

    return complete


def _completion(choices: Callable[[], list[str]], separators: str = "") -> Completion:
    def complete(incomplete: str) -> list[str]:
        before = re.match(rf".*[{separators}]", incomplete) if separators else None
        done = before[0] if before else ""
        return [done + choice for choice in choices() if choice.startswith(incomplete[len(done) :])]

    return complete
