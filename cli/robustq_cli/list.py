"""robustq list: everything that has a name."""

from dataclasses import asdict
from typing import Annotated

import typer

from robustq import registry
from robustq.errors import unknown
from robustq_cli import console, options


def list_items(
    kind: Annotated[str | None, typer.Argument(help="One of the kinds; all of them by default.")] = None,
    json: options.Json = False,
) -> None:
    """List everything that has a name, kind by kind: ours and what installed plugins bring."""
    from rich.table import Table

    if kind is not None and kind not in registry.KINDS:
        raise unknown("kind", kind, registry.KINDS)
    items = {name: registry.items(name) for name in ([kind] if kind else registry.KINDS)}
    if json:
        console.print_json({name: [asdict(item) for item in described] for name, described in items.items()})
        return
    table = Table("kind", "name", "also called", "provided by", box=None, pad_edge=False)
    for name, described in items.items():
        for place, item in enumerate(described):
            table.add_row(
                name if place == 0 else "", item.name, ", ".join(item.aliases), f"{item.distribution} {item.version}"
            )
        table.add_section()
    console.out.print(table)
