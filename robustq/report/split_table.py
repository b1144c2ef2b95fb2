"""A table for a terminal that goes on below itself where its columns do not fit side by side."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions
from rich.table import Column, Table


class SplitTable(Table):
    """A table of texts whose figures are never broken: columns that do not fit follow below, beside the same names.

    Attributes:
        keys: number of first columns that name a line, and so stand in every part.
    """

    keys: int = 1

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[Any]:  # what rich prints is private to it
        """The table, or its parts one below the other."""
        parts = self._parts(options.max_width)
        if len(parts) == 1:
            yield from super().__rich_console__(console, options)
            return
        for part in parts:
            yield self._of(part)

    def _parts(self, width: int) -> list[list[int]]:
        """The columns of each part, by number."""
        needed = [_needed(column) + _BETWEEN for column in self.columns]
        keys = list(range(self.keys))
        parts = [keys]
        for place in range(self.keys, len(self.columns)):
            if parts[-1] != keys and _EDGE + sum(needed[each] for each in (*parts[-1], place)) > width:
                parts.append(keys)
            parts[-1] = [*parts[-1], place]
        return parts

    def _of(self, part: Sequence[int]) -> Table:
        """A table of these columns."""
        table = Table(box=self.box, padding=self.padding)
        columns = [self.columns[place] for place in part]
        for column in columns:
            table.add_column(column.header, justify=column.justify, overflow=column.overflow, no_wrap=column.no_wrap)
        for row, cells in zip(self.rows, zip(*(column.cells for column in columns), strict=True), strict=True):
            table.add_row(*cells, end_section=row.end_section)
        return table


_BETWEEN, _EDGE = 2, 1
"""Columns of letters after each column of the table, and before the first one."""


def _needed(column: Column) -> int:
    """The width in which no word of a column is broken, and no line of one that is not wrapped."""
    separator = r"\n" if column.no_wrap else r"[ \n]"
    texts = [str(cell) for cell in (column.header, *column.cells)]
    return max(cell_len(word) for text in texts for word in re.split(separator, text))
