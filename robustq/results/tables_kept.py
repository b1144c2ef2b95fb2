"""Keeps every table of a run directory in it, as text and as CSV: the folder `tables/`."""

from robustq.errors import RequestError
from robustq.report.csv_text import csv_of
from robustq.results.results_shown import shown
from robustq.storage.run_path import RunPath
from robustq.whole_file import whole_file


def keep_tables(directory: RunPath, *results: str) -> None:
    """Write the tables of these results ("stress", "compare", "analysis") into `tables/`.

    A comparison that is not possible, such as that of a single model, is left out.
    """
    for what in results:
        try:
            result = shown(directory, what)
        except RequestError:
            if what != "compare":
                raise
            continue
        folder = directory / "tables"
        with whole_file(folder / f"{what}.txt") as partial:
            partial.write_text("\n".join(grid.to_text() for grid in result.grids()), encoding="utf-8")
        with whole_file(folder / f"{what}.csv") as partial:
            partial.write_text(csv_of(result.frame()), encoding="utf-8")
