"""The rows of a run directory: a file for each batch in `rows/` while a command computes, then `results.parquet`."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from itertools import accumulate

import pyarrow as pa
import pyarrow.parquet as pq

from robustq.errors import RequestError, StorageError
from robustq.results.rows import SCHEMA, Row, to_table
from robustq.storage.run_path import RunPath, for_each, readable, version
from robustq.whole_file import whole_file

BATCHES = b"robustq.batches"
"""Entry of the metadata of `results.parquet`: the batches in its order, and how many rows each has, as JSON."""

_LATER = ("severity",)
"""Columns that run directories of earlier versions do not have."""


class BatchRows:
    """Writes, reads and gathers the rows of batches. Each batch has a name that sorts as the batches are to stand.

    A batch is in `rows/`, in `results.parquet`, or in both; then the file in `rows/` is the one that counts, because
    it was written later. So it does no harm if the removal of `rows/` is interrupted, and run directories of earlier
    versions, which keep `rows/`, are read as they are.

    Args:
        directory: the run directory.
    """

    def __init__(self, directory: RunPath) -> None:
        self._folder = directory / "rows"
        self._results = directory / "results.parquet"

    def names(self) -> set[str]:
        """The batches whose rows are written."""
        # In this order, because another process may gather the rows in between.
        return {file.stem for file in self._folder.glob("*.parquet")} | self._gathered().keys()

    def write(self, name: str, rows: list[Row]) -> None:
        """Write the rows of a batch into a file, which is complete or missing.

        Raises:
            StorageError: the disk is full, can only be read, or is gone.
        """
        with whole_file(self._file(name)) as partial:
            pq.write_table(to_table(rows), partial)

    def read(self, wanted: Callable[[str], bool]) -> pa.Table:
        """The rows of the batches whose name is wanted, in the order of the names.

        Raises:
            RequestError: a file is damaged, or a newer version wrote columns that this version does not know.
        """
        try:
            tables = self._tables(wanted)
        except FileNotFoundError:  # another process gathered the rows in the meantime
            tables = self._tables(wanted)
        return pa.concat_tables([SCHEMA.empty_table(), *tables.values()])

    def gather(self) -> None:
        """Write all rows into `results.parquet`, read it back, and remove `rows/`.

        Raises:
            RequestError: a file is damaged.
            StorageError: the disk is full, can only be read, or is gone.
        """
        tables = self._tables(lambda name: True)
        table = pa.concat_tables([SCHEMA.empty_table(), *tables.values()])
        counts = json.dumps({name: len(rows) for name, rows in tables.items()})
        with whole_file(self._results) as partial:
            pq.write_table(table.replace_schema_metadata({BATCHES: counts.encode()}), partial)
        if len(_read_rows(self._results)) == len(table):
            self._remove_files(list(tables))

    def _remove_files(self, names: list[str]) -> None:
        with suppress(OSError, StorageError):  # what stays is read as before
            for_each(lambda file: file.unlink(missing_ok=True), map(self._file, names))
            for partial in self._folder.glob(".*.partial"):
                partial.unlink(missing_ok=True)
            self._folder.rmdir()

    def _tables(self, wanted: Callable[[str], bool]) -> dict[str, pa.Table]:
        """The rows of each batch whose name is wanted, by name, in their order."""
        # Files first: another process may gather them in between, and then they are found to be missing.
        files = {file.stem: file for file in self._folder.glob("*.parquet") if wanted(file.stem)}
        counts = self._gathered()
        tables = {}
        if any(wanted(name) and name not in files for name in counts):
            table = _read_rows(self._results)
            begins = accumulate(counts.values(), initial=0)
            tables = {
                name: table.slice(begin, count)
                for (name, count), begin in zip(counts.items(), begins, strict=False)
                if wanted(name)
            }
        tables |= zip(files, for_each(_read_rows, files.values()), strict=True)
        return dict(sorted(tables.items()))

    def _gathered(self) -> dict[str, int]:
        """The batches in `results.parquet` and their numbers of rows; empty where an earlier version wrote the file."""
        written = version(self._results)
        return {} if written is None else _counts(self._results, written)

    def _file(self, name: str) -> RunPath:
        return self._folder / f"{name}.parquet"


@lru_cache(maxsize=8)
def _counts(file: RunPath, version: object) -> dict[str, int]:
    """What the file says of its batches. The version tells whether the file is still the same."""
    try:
        about = pq.read_metadata(readable(file))
        written = (about.metadata or {}).get(BATCHES)
        counts: dict[str, int] = {} if written is None else json.loads(written)
        if written is not None and not _add_up(counts, about.num_rows):
            raise ValueError(f"its batches do not add up to {about.num_rows} rows")
    except (pa.ArrowException, ValueError, RecursionError, OSError) as error:
        raise _damaged(file, error) from error
    return counts


def _add_up(counts: object, rows: int) -> bool:
    """Whether this is a number of rows for each batch, and all rows in all."""
    if not isinstance(counts, dict):
        return False
    numbers = list(counts.values())
    return all(type(number) is int and number >= 0 for number in numbers) and sum(numbers) == rows


def _read_rows(file: RunPath) -> pa.Table:
    """The rows of one file. Columns that an earlier version did not write hold "".

    Raises:
        RequestError: the file is damaged, or a newer version wrote columns that this version does not know.
    """
    try:
        table = pq.read_table(readable(file))
        unknown_columns = sorted(set(table.column_names) - set(SCHEMA.names))
        if unknown_columns:
            raise RequestError(
                f"{file} has the columns {', '.join(unknown_columns)}, which this version of robustq does not know: a "
                "newer version wrote the file, update robustq to read it"
            )
        for name in set(SCHEMA.names) - set(table.column_names):
            if name not in _LATER:
                raise RequestError(f"{file} has no column {name}, so it is not a file of rows: delete it")
            table = table.append_column(name, pa.array([""] * len(table), pa.string()))
        rows = table.select(SCHEMA.names).cast(SCHEMA)
        rows.validate(full=True)  # Arrow reads texts without a look at their encoding
        return rows
    except FileNotFoundError:
        raise
    except (pa.ArrowException, KeyError, OSError, UnicodeDecodeError) as error:
        raise _damaged(file, error) from error


def _damaged(file: RunPath, error: Exception) -> RequestError:
    return RequestError(
        f"{file} cannot be read ({error}): delete it and run the same command again, which computes its rows again"
    )
