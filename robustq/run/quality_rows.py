"""The rows of the image quality that a draw has: what `--quality` adds to a run."""

import math
from collections.abc import Iterator
from dataclasses import replace

from robustq.dataset import Case
from robustq.draws.quality import qualities
from robustq.results.rows import Row


def quality_rows(clean: Case, changed: Case, shared: Row) -> Iterator[Row]:
    """A row for each quality of a draw.

    Args:
        clean: the unperturbed case.
        changed: the draw.
        shared: the columns that the rows share; it names the attacked model of an attack, and no model of noise.
    """
    for name, value, unit in qualities(clean, changed):
        yield replace(shared, metric=name, value=None if math.isnan(value) else value, unit=unit)
