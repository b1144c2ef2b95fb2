"""Prints tables and JSON to stdout, and prose and progress to stderr.

A command with `--json` prints one document with `print_json`, and nothing else to stdout.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING

from robustq.report.numbers import plain
from robustq.report.printable import printable
from robustq_cli.signals import PieceInHand

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress

    from robustq.report.overview import Overview
    from robustq.run.progress import Progress as Done
    from robustq.storage.run_path import RunPath

# The functions that print import rich themselves, so that wrong options are refused sooner.

LONG = 90
"""Seconds from which on the time left is given in minutes."""


@cache
def out() -> "Console":
    """The console on stdout, for tables and answers."""
    from rich.console import Console

    return Console()


@cache
def err() -> "Console":
    """The console on stderr, for prose and progress."""
    from rich.console import Console

    return Console(stderr=True)


def say(text: str) -> None:
    """Print a line of prose."""
    from rich.text import Text

    err().print(Text(printable(text)), soft_wrap=True)


def say_lines(text: str) -> None:
    """Print prose of several lines."""
    for line in text.splitlines():
        say(line)


def say_remarks(remarks: Iterable[str]) -> None:
    """Print what a dataset says about its cases."""
    for sentence in remarks:
        say(f"Note: {sentence}.")


def say_left_out(failures: Mapping[str, str]) -> int:
    """Print which cases could not be used, and why. Return the exit status: 3 if there are any, else 0."""
    for case, reason in failures.items():
        say(f"left out {case}: {reason}")
    return 3 if failures else 0


def print_table(table: "RenderableType") -> None:
    """Print a table and its notes. A terminal wraps them at its width; elsewhere they are as wide as they need."""
    from rich.console import Console

    from robustq.report.grid import needed_width

    if out().is_terminal:
        out().print(table)
        return
    # A console prints no wider than its own width, so a wider one is made.
    Console(file=out().file, width=max(out().width, needed_width(out(), table))).print(table)


def print_overview(overview: "Overview") -> None:
    """Print what is read first: sentences, then small tables. A terminal sets a mark before each sentence."""
    from rich.table import Table
    from rich.text import Text

    if out().is_terminal:
        marked = Table.grid(padding=(0, 1, 0, 0))
        for sentence in overview.sentences:
            marked.add_row("•", Text(printable(sentence)))
        out().print(marked)
    else:
        print_sentences(overview.sentences)
    for grid in overview.grids:
        print_table(grid.to_rich())


def print_sentences(sentences: Iterable[str]) -> None:
    """Print sentences on stdout, one in each line."""
    from rich.text import Text

    for sentence in sentences:
        out().print(Text(printable(sentence)), soft_wrap=True)


def print_pairs(pairs: Mapping[str, str]) -> None:
    """Print names and their texts, one pair on each line. Lines are not wrapped, so that commands can be copied."""
    from rich.text import Text

    width = max(map(len, pairs), default=0)
    for name, text in pairs.items():
        out().print(Text.assemble((printable(name).ljust(width), "bold"), "  ", printable(text)), soft_wrap=True)


def print_list(texts: Mapping[str, str]) -> None:
    """Print names and their descriptions: in a terminal in two columns, elsewhere one pair on each line."""
    from rich.table import Table
    from rich.text import Text

    if not out().is_terminal:
        print_pairs(texts)
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for name, text in texts.items():
        table.add_row(Text(printable(name)), Text(printable(text)))
    out().print(table)


def print_json(document: object) -> None:
    """Print one JSON document. NaN becomes null, infinity "inf" or "-inf", and a path its text."""
    sys.stdout.write(
        json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False, default=os.fspath) + "\n"
    )


class Milestones:
    """Prints a line on stderr at each tenth of the work, if there is no terminal to draw bars on."""

    def __init__(self) -> None:
        self._start = monotonic()
        self._tenths_said = 0

    def __call__(self, done: int, total: int) -> None:
        """Print how far the work is, if another tenth is done."""
        tenths = 10 * done // max(1, total)
        if err().is_terminal or tenths <= self._tenths_said:
            return
        self._tenths_said = tenths
        seconds_left = (monotonic() - self._start) * (total - done) / done
        left = f"{seconds_left:.0f} s" if seconds_left < LONG else f"{seconds_left / 60:.0f} min"
        say(f"{10 * tenths} % done" + (f", about {left} left" if done < total else ""))


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar, or without a terminal a line at each tenth, while something is counted.

    Args:
        what: what is done, such as "reading cases".

    Yields:
        A function that shows how many are done of how many.
    """
    milestones = Milestones()
    with progress() as bars:
        bar = bars.add_task(what, total=None)

        def show(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)
            milestones(done, total)

        yield show


class Pieces:
    """A progress bar over the pieces of a run, each one case under one perturbation at one level.

    Args:
        bars: the bars that `progress` returns.
        target: run directory, printed when the run begins; None if the user chose it.
        written: called at the end of each call, when everything computed is written.
    """

    def __init__(self, bars: "Progress", target: "RunPath | None", written: Callable[[], None]) -> None:
        self._bars, self._target, self._written = bars, target, written
        self._task = bars.add_task("reading cases", total=None)
        self._milestones, self._work_said = Milestones(), False

    def __call__(self, progress: "Done") -> None:
        """Show how far the run is. Pieces of an earlier run do not count, so that the time left is right."""
        done, total = progress.done - progress.resumed, progress.total - progress.resumed
        if not done:  # the run begins, or its second stage
            self._bars.reset(self._task)
            self._milestones, self._work_said = Milestones(), False
        if self._target is not None:
            say(f"The run directory is {self._target}. If the run is stopped, it continues with --out {self._target}.")
            self._target = None
        if progress.work is not None and progress.work.is_long and not self._work_said:
            say(str(progress.work))
            self._work_said = True
        self._bars.update(self._task, description="cases × perturbations × levels", completed=done, total=total)
        self._milestones(done, total)
        self._written()


@contextmanager
def pieces(chosen: str | None, target: "RunPath") -> Iterator[Pieces]:
    """A progress bar over the pieces of a run; within this context, a signal waits until the piece in hand is written.

    Args:
        chosen: the run directory that the user chose; None for a new one, which is then printed.
        target: the run directory.
    """
    with progress() as bars, PieceInHand() as hand:
        yield Pieces(bars, None if chosen else target, hand.written)


def progress() -> "Progress":
    """Progress bars on stderr with the work done, the time used and the time left; a context manager.

    The bars vanish when the work is done, and are not drawn without a terminal.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=err(),
        transient=True,
        disable=not err().is_terminal,
    )
