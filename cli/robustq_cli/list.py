"""The command robustq list, which lists the registered items and what each one does."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer

from robustq import registry
from robustq.errors import unknown
from robustq.request.names import PRESETS
from robustq_cli import complete, console, options
from robustq_cli.command import examples

EXAMPLES = examples(
    ("All names", "robustq list"),
    ("What each perturbation does, for a program to read", "robustq list perturbations --json"),
)

PRESET = "presets"
"""Presets are listed like a kind, although a preset is a group of names, not an item."""

Kind = Annotated[
    str | None,
    typer.Argument(
        metavar="KIND",
        autocompletion=complete.kinds(),
        help=f"What to list: {', '.join(registry.KINDS)} or {PRESET}. By default, the names of all of them.",
    ),
]


def list_items(kind: Kind = None, json: options.Json = False) -> None:
    """List the names that options accept, and what each one does.

    An item is an architecture, a quantiser, a metric and so on, from robustq or from a plugin. The code of the items is
    not loaded. For perturbations, L is the level in percent.
    """
    kinds = (*registry.KINDS, PRESET)
    if kind is not None and kind not in kinds:
        raise unknown("kind", kind, kinds)
    if json:
        console.print_json({name: _described(name) for name in ([kind] if kind else kinds)})
    elif kind is None:
        names = {name: registry.names(name) for name in registry.KINDS} | {PRESET: list(PRESETS)}
        console.print_list({name: ", ".join(items) or "none is installed" for name, items in names.items()})
        console.say("\nrobustq list KIND says what each one does.")
    elif kind != PRESET and not registry.names(kind):
        console.say(f"No {registry.KINDS[kind]} is installed.")
    else:
        console.print_list({_names(item): _sentence(item) for item in _described(kind)})


def _described(kind: str) -> list[dict[str, Any]]:
    """The fields of each item, or of each preset, with a sentence on what it does."""
    if kind == PRESET:
        return [
            {"name": name, "description": f"{', '.join(members)}.", "members": members}
            for name, members in PRESETS.items()
        ]
    rule = kind == "perturbations"
    return [
        asdict(item) | {"description": item.description} | ({"rule": item.rule} if rule else {})
        for item in registry.items(kind)
    ]


def _names(item: Mapping[str, Any]) -> str:
    """The name of an item, and its aliases."""
    aliases = item.get("aliases", ())
    return f"{item['name']} (or {', '.join(aliases)})" if aliases else str(item["name"])


def _sentence(item: Mapping[str, Any]) -> str:
    """What an item does, what a level means to it if it has levels, and the package that it comes from, unless that is
    robustq."""
    provider = item.get("distribution", "robustq")
    origin = "" if provider == "robustq" else f"(from {provider} {item['version']})"
    return " ".join(filter(None, (item["description"], item.get("rule"), origin)))
