"""The run directory: what was asked, the rows as they come, and the compacted results."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from robustq.errors import RequestError
from robustq.results.rows import SCHEMA, Row, to_table
from robustq.whole_file import whole_file

_FILES = {
    "stress": ("run.json", ""),
    "analyse": ("analysis.json", "analysis-"),
    "minimal": ("minimal.json", "minimal-"),
}
"""By command: what it was asked, and what the names of its other files begin with."""


_LATER = ("severity",)
"""Columns that run directories of earlier versions do not have."""


class RunDirectory:
    """`run.json`, one Parquet file a batch of pieces in `rows/`, `results.parquet`, `summary.json`.

    Every file is written under a temporary name and renamed, so that a run killed at any moment leaves whole files
    only. A stress run, an analysis and a search of minimal levels can share a directory: the analysis writes
    `analysis.json`, `rows/analysis-*.parquet` and `analysis-summary.json`, the search the like with `minimal`, and
    `results.parquet` holds the rows of all.

    Args:
        path: the directory; made by `begin`.
        command: whose files are meant: "stress", "analyse" or "minimal".
    """

    def __init__(self, path: str | os.PathLike[str], command: str = "stress") -> None:
        self.path = Path(path)
        self.command = command
        self._name, self._prefix = _FILES[command]

    @property
    def exists(self) -> bool:
        """Whether a run began here."""
        return (self.path / self._name).is_file()

    def begin(self, document: dict[str, Any]) -> None:
        """Start a run, or go on with it.

        Args:
            document: what `run.json` (or its like) says. Its entry `asked` decides whether a run that began here
                is the same.

        Raises:
            RequestError: the directory holds another run, or something else, or cannot be written.
        """
        if self.exists:
            # Through JSON and back, as what is on disk went.
            asked = json.loads(json.dumps(document["asked"]))
            differing = [key for key, value in asked.items() if self.read()["asked"].get(key) != value]
            if differing:
                raise RequestError(
                    f"{self.path} holds another run (it differs in {', '.join(differing)}): give another --out, or "
                    "delete it"
                )
            return
        begun = any(RunDirectory(self.path, command).exists for command in _FILES)
        if self.path.exists() and not begun and (not self.path.is_dir() or any(self.path.iterdir())):
            raise RequestError(f"{self.path} exists and holds no run: give another --out")
        try:
            (self.path / "rows").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RequestError(f"cannot write {self.path}: {error.strerror}") from error
        self._write(self._name, document)

    def read(self) -> dict[str, Any]:
        """What `run.json`, or its like, says.

        Raises:
            RequestError: there is no run here, or it cannot be read.
        """
        if not self.exists:
            others = [command for command in _FILES if RunDirectory(self.path, command).exists]
            there = f" (robustq {' and '.join(others)} wrote here)" if others else ""
            raise RequestError(
                f"no run in {self.path}: it has no {self._name}{there}; robustq {self.command} --out makes one"
            )
        try:
            document: dict[str, Any] = json.loads((self.path / self._name).read_text())
        except (json.JSONDecodeError, OSError) as error:
            raise RequestError(f"{self.path / self._name} cannot be read: {error}") from error
        return document

    def has(self, batch: int) -> bool:
        """Whether the rows of a batch are there."""
        return self._rows(batch).is_file()

    def write(self, batch: int, rows: list[Row]) -> None:
        """Write the rows of a batch, whole."""
        with whole_file(self._rows(batch)) as partial:
            pq.write_table(to_table(rows), partial)

    def compact(self) -> None:
        """Gather all rows, those of a stress run before those of other commands, into `results.parquet`."""
        with whole_file(self.path / "results.parquet") as partial:
            pq.write_table(_gather(sorted((self.path / "rows").glob("*.parquet"))), partial)

    def rows(self, *, before: int | None = None) -> pa.Table:
        """This command's rows so far, in the order of the batches; those of the batches before a number, if given."""
        parts = sorted((self.path / "rows").glob(f"{self._prefix}{'[0-9]' * 6}.parquet"))
        return _gather([part for part in parts if before is None or part < self._rows(before)])

    def summarise(self, summary: dict[str, Any]) -> None:
        """Write `summary.json`."""
        self._write(f"{self._prefix}summary.json", summary)

    def _rows(self, batch: int) -> Path:
        return self.path / "rows" / f"{self._prefix}{batch:06d}.parquet"

    def _write(self, name: str, document: dict[str, Any]) -> None:
        with whole_file(self.path / name) as partial:
            partial.write_text(json.dumps(document, indent=1))


def _gather(parts: list[Path]) -> pa.Table:
    return pa.concat_tables([SCHEMA.empty_table(), *map(_read_rows, parts)])


def _read_rows(part: Path) -> pa.Table:
    """The rows of one file. Columns that an earlier version did not write hold "".

    Raises:
        RequestError: the file is damaged, or a newer version wrote columns that this one does not know.
    """
    try:
        table = pq.read_table(part)
        unknown_columns = sorted(set(table.column_names) - set(SCHEMA.names))
        if unknown_columns:
            raise RequestError(
                f"{part} has the columns {', '.join(unknown_columns)}, which this version of robustq does not know: a "
                "newer version wrote it, update robustq to read it"
            )
        for name in set(SCHEMA.names) - set(table.column_names):
            if name not in _LATER:
                raise RequestError(f"{part} has no column {name}: it is no file of rows, delete it")
            table = table.append_column(name, pa.array([""] * len(table), pa.string()))
        return table.select(SCHEMA.names).cast(SCHEMA)
    except (pa.ArrowInvalid, OSError) as error:
        raise RequestError(
            f"{part} cannot be read ({error}): delete it and run the same again, which computes its rows anew"
        ) from error


def versions() -> dict[str, str]:
    """Of the libraries that figures depend on."""
    return {library: version(library) for library in ("robustq", "torch", "numpy", "scipy", "torchio")}
