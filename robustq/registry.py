"""Finds every exchangeable item, ours and other people's, by its name among the installed entry points.

Each kind of item has an entry-point group `robustq.<kind>`. Listing names imports no item; loading imports one item.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import Distribution, EntryPoint, EntryPoints, entry_points
from typing import Any

from robustq.errors import RequestError, unknown
from robustq.first_sentence import first_sentence, sentence_after

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
"""Every kind of item -> the word for one item of that kind."""

LEVEL_RULE = "At level L,"
"""Begins the sentence of a perturbation's docstring that says what a level of L percent does."""

_ALIASES = "aliases"
"""Group of other names for the items of a kind."""

_IMPORTS = "imports"
"""Groups of functions. Each makes an item from another library by its name there, as in `torchio:RandomGhosting`."""


@dataclass(frozen=True)
class Item:
    """A registered item that is not imported yet.

    Attributes:
        name: name in the list of items.
        value: module and class that define it, as `module:class`.
        aliases: its other names, sorted.
        compat: other sets of formulas in which it exists, such as paper-code, sorted.
        distribution: the installed distribution that registers it.
        version: version of that distribution.
    """

    name: str
    value: str
    aliases: tuple[str, ...]
    compat: tuple[str, ...]
    distribution: str
    version: str

    @property
    def description(self) -> str:
        """The first sentence of the item's docstring, read from its source. Empty if it has no docstring."""
        return first_sentence(self.value)

    @property
    def rule(self) -> str:
        """The sentence of the docstring of a perturbation that begins with `LEVEL_RULE`. Empty if it has none."""
        return sentence_after(self.value, LEVEL_RULE)


@cache
def _installed() -> EntryPoints:
    # `entry_points` reads the metadata of every installed distribution, so it is called only once.
    points = entry_points()
    groups = [group for group in points.groups if group.startswith("robustq.")]
    return EntryPoints(point for group in groups for point in points.select(group=group))


@cache
def _points(group: str) -> dict[str, EntryPoint]:
    points: dict[str, EntryPoint] = {}
    for point in _installed().select(group=f"robustq.{group}"):
        first = points.setdefault(point.name, point)
        if first.value != point.value:
            raise RequestError(
                f"{point.name!r} of robustq.{group} is registered by both {_provider(first)[0]} and "
                f"{_provider(point)[0]}: uninstall one of them"
            )
    return points


def _provider(point: EntryPoint) -> tuple[str, str]:
    # An entry point that was read from an installed distribution holds this distribution.
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
    """The names registered for a kind, sorted, without aliases. Imports nothing."""
    _check_kind(kind)
    return sorted(_points(kind))


def items(kind: str) -> list[Item]:
    """Every item of a kind, sorted by name. Imports nothing."""
    listed = []
    for name in names(kind):
        point = _points(kind)[name]
        listed.append(
            Item(
                name,
                point.value,
                tuple(
                    sorted(
                        alias for alias, target in _points(f"{kind}.{_ALIASES}").items() if target.value == point.value
                    )
                ),
                tuple(compat for compat in compatibilities(kind) if name in _points(f"{kind}.{compat}")),
                *_provider(point),
            )
        )
    return listed


def compatibilities(kind: str) -> list[str]:
    """The other sets of formulas in which items of a kind exist, sorted. Imports nothing."""
    _check_kind(kind)
    groups = {
        group.removeprefix(f"robustq.{kind}.") for group in _installed().groups if group.startswith(f"robustq.{kind}.")
    }
    return sorted(groups - {_ALIASES, _IMPORTS})


def _importer(kind: str, name: str) -> EntryPoint | None:
    """The function that makes the item `LIBRARY:NAME`; None where no such function is registered for the library."""
    library, _, rest = name.partition(":")
    return _points(f"{kind}.{_IMPORTS}").get(library) if rest else None


def canonical(kind: str, name: str) -> str:
    """The listed name of an item, given this name or an alias. If items of a library can be imported, `LIBRARY:NAME` is
    returned unchanged, even if the library has no item of this name.

    Raises:
        RequestError: the name is not registered; the message gives the nearest names.
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
    """Python's message on why an item cannot be called with these arguments; "" where it can be called."""
    try:
        inspect.signature(item).bind(*arguments, **settings)
    except TypeError as error:
        return str(error)
    return ""


def load(kind: str, name: str, *, compat: str | None = None) -> Any:
    """The class registered for a kind under a name or an alias.

    Args:
        kind: one of `KINDS`.
        name: a name of `names(kind)`, or an alias; or `LIBRARY:NAME`, which gives a function that makes the item.
        compat: another set of formulas; the item then comes from the group `robustq.<kind>.<compat>`.

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
        # A module missing inside an installed package, or inside the item's own, is a bug: the error is raised again.
        if "." in library or library in ("", "robustq", point.module.partition(".")[0]):
            raise
        from robustq.requirements import pip_line

        raise RequestError(f"{KINDS[kind]} {name!r} needs the library {library}: {pip_line(library)}") from error
