"""Where each word goes: tables and JSON to stdout, prose and progress to stderr.

A command with `--json` prints one document with `print_json` and nothing else to stdout.
"""

import json
import os
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.measure import measure_renderables
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from robustq.report.numbers import plain

out = Console()
"""Tables and answers."""

err = Console(stderr=True)
"""Prose and progress."""


def say(text: str) -> None:
    """A line of prose."""
    err.print(Text(text), soft_wrap=True)


def print_table(table: Table) -> None:
    """A table in its full width: a figure that is cut off cannot be read, one that wraps can."""
    unbounded = out.options.update(max_width=10_000)
    needed = measure_renderables(out, unbounded, [table]).maximum
    out.print(table, width=max(out.width, needed), crop=False)


def print_pairs(pairs: Mapping[str, str]) -> None:
    """Names and what belongs to them, a line each; lines stay whole, so that commands can be copied."""
    width = max(map(len, pairs), default=0)
    for name, text in pairs.items():
        out.print(Text.assemble((name.ljust(width), "bold"), "  ", text), soft_wrap=True)


def print_json(document: object) -> None:
    """One JSON document: NaN is null, infinity "inf" or "-inf", a path its text."""
    sys.stdout.write(
        json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False, default=os.fspath) + "\n"
    )


def progress() -> Progress:
    """Bars on stderr with what is done, the time it took and the time left; a context manager."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err,
    )
