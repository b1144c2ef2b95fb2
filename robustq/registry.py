"""One door for everything that can be exchanged: entry points, ours and strangers' alike.

A kind is the entry-point group `robustq.<kind>`. Listing names imports nothing; loading imports one item.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import Distribution, EntryPoint, EntryPoints, entry_points
from typing import Any

from robustq.errors import RequestError, unknown
from robustq.first_sentence import first_sentence

KINDS = {
    "architectures": "architecture",
    "quantisers": "quantiser",
    "perturbations": "perturbation",
    "attacks": "attack",
    "metrics": "metric",
    "analysers": "analyser",
    "datasets": "dataset",
    "executors": "executor",
}
"""Every kind of item, with the word for one of it."""

_ALIASES = "aliases"
_IMPORTS = "imports"
"""Group of functions that make an item of a library's own by its name there, as in `torchio:RandomGhosting`."""


@dataclass(frozen=True)
class Item:
    """What is known of a registered item before it is imported.

    Attributes:
        name: under which it is listed.
        value: where it is, `module:class`.
        aliases: other names it answers to, sorted.
        compat: other sets of formulas it exists in, such as paper-code, sorted.
        distribution: the installed distribution that registers it.
        version: of that distribution.
    """

    name: str
    value: str
    aliases: tuple[str, ...]
    compat: tuple[str, ...]
    distribution: str
    version: str

    @property
    def description(self) -> str:
        """One sentence on what it does, from its source: the first of its docstring. Empty if it has none."""
        return first_sentence(self.value)


@cache
def _installed() -> EntryPoints:
    # Every call of `entry_points` reads the metadata of all that is installed, so there is one.
    points = entry_points()
    groups = [group for group in points.groups if group.startswith("robustq.")]
    return EntryPoints(point for group in groups for point in points.select(group=group))


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    points: dict[str, EntryPoint] = {}
    for point in _installed().select(group=f"robustq.{group}"):
        other = points.setdefault(point.name, point)
        if other.value != point.value:
            raise RequestError(
                f"{point.name!r} of robustq.{group} is registered by both {_provider(other)[0]} and "
                f"{_provider(point)[0]}: uninstall one of them"
            )
    return points


def _provider(point: EntryPoint) -> tuple[str, str]:
    # Every entry point that was read from an installed distribution knows it.
    assert point.dist is not None
    return _name_and_version(point.dist)


@cache
def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    metadata = distribution.metadata
    return metadata["Name"], metadata["Version"]


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)


def names(kind: str) -> list[str]:
    """The names registered for a kind, sorted; aliases are not among them. Imports nothing."""
    _check_kind(kind)
    return sorted(_points(kind))


def items(kind: str) -> list[Item]:
    """What is known of every item of a kind, sorted by name. Imports nothing."""
    found = []
    for name in names(kind):
        point = _points(kind)[name]
        found.append(
            Item(
                name,
                point.value,
                tuple(
                    sorted(
                        alias for alias, other in _points(f"{kind}.{_ALIASES}").items() if other.value == point.value
                    )
                ),
                tuple(compat for compat in compatibilities(kind) if name in _points(f"{kind}.{compat}")),
                *_provider(point),
            )
        )
    return found


def compatibilities(kind: str) -> list[str]:
    """The other sets of formulas in which items of a kind exist, sorted. Imports nothing."""
    _check_kind(kind)
    groups = {
        group.removeprefix(f"robustq.{kind}.") for group in _installed().groups if group.startswith(f"robustq.{kind}.")
    }
    return sorted(groups - {_ALIASES, _IMPORTS})


def _importer(kind: str, name: str) -> EntryPoint | None:
    """What makes the item `LIBRARY:NAME`, where that library's items can be imported."""
    library, _, rest = name.partition(":")
    return _points(f"{kind}.{_IMPORTS}").get(library) if rest else None


def canonical(kind: str, name: str) -> str:
    """The name under which an item is listed, given that name or an alias of it; `LIBRARY:NAME` stays as it is where
    items of that library are imported, whether or not it has one of this name.

    Raises:
        RequestError: nobody registered such a name; the nearest ones are in the message.
    """
    _check_kind(kind)
    points = _points(kind)
    if name in points or _importer(kind, name):
        return name
    alias = _points(f"{kind}.{_ALIASES}").get(name)
    for point in points.values():
        if alias is not None and point.value == alias.value:
            return point.name
    raise unknown(KINDS[kind], name, points)


def mismatch(item: Callable[..., Any], *arguments: Any, **settings: Any) -> str:
    """Why an item cannot be called with these arguments, in Python's words; "" where it can."""
    try:
        inspect.signature(item).bind(*arguments, **settings)
    except TypeError as error:
        return str(error)
    return ""


def load(kind: str, name: str, *, compat: str | None = None) -> Any:
    """The class registered for a kind under a name or an alias.

    Args:
        kind: one of `KINDS`.
        name: as listed by `names(kind)`, or an alias; or `LIBRARY:NAME`, which gives a function that makes the item.
        compat: take the item from another set of formulas, the group `robustq.<kind>.<compat>`.

    Raises:
        RequestError: the name is unknown, or a library it needs is not installed.
    """
    name = canonical(kind, name)
    importer = _importer(kind, name)
    point = importer or _points(kind)[name]
    if compat is not None:
        if compat not in compatibilities(kind):
            raise unknown(f"compatibility of {kind}", compat, compatibilities(kind))
        compatible = _points(f"{kind}.{compat}")
        if name not in compatible:
            raise RequestError(f"{name!r} has no {compat} formula; it exists for {', '.join(sorted(compatible))}")
        point = compatible[name]
    try:
        return partial(point.load(), name.partition(":")[2]) if point is importer else point.load()
    except ModuleNotFoundError as error:
        library = error.name or ""
        # A module missing from inside a package that is there, or from the item's own, is a fault, not a wish.
        if "." in library or library in ("", "robustq", point.module.partition(".")[0]):
            raise
        from robustq.requirements import pip_line

        raise RequestError(f"{KINDS[kind]} {name!r} needs the library {library}: {pip_line(library)}") from error
