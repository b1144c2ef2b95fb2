"""The run directory: the request, the rows as they are computed, and the compacted results."""

import json
import os
import re
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from typing import Any

import pyarrow as pa

from robustq.errors import RequestError, StorageError
from robustq.one_writer import LOCK, WRITER, one_writer
from robustq.results.batch_rows import BatchRows
from robustq.results.rows import Row
from robustq.storage.lease import LEASE
from robustq.storage.run_path import RunPath, run_path
from robustq.whole_file import in_words, whole_file

_FILES = {
    "stress": ("run.json", ""),
    "analyse": ("analysis.json", "analysis-"),
    "minimal": ("minimal.json", "minimal-"),
}
"""For each command: the name of its request file, and the prefix of its other files."""


class RunDirectory:
    """`run.json`, `results.parquet`, `summary.json`; while a command computes, a file a batch of pieces in `rows/`.

    Every file is written under a temporary name and renamed, so that a run killed at any moment leaves whole files
    only. A stress run, an analysis and a search of minimal levels can share a directory: the analysis writes
    `analysis.json`, `rows/analysis-*.parquet` and `analysis-summary.json`; the search writes the same files with
    `minimal` in their names; `results.parquet` holds the rows of all. `rows/` is removed when they are gathered there.

    Args:
        path: the directory, which `writing` creates; or a URL in an object store, such as `s3://bucket/run`.
        command: the command whose files are written and read: "stress", "analyse" or "minimal".
    """

    def __init__(self, path: str | os.PathLike[str], command: str = "stress") -> None:
        self.path = run_path(path)
        self.command = command
        self._name, self._prefix = _FILES[command]
        self._batches = BatchRows(self.path)

    @classmethod
    def temporary(cls, command: str) -> "RunDirectory":
        """A new directory of the system's temporary files, removed when this object is no longer used."""
        directory = cls(tempfile.mkdtemp(prefix="robustq-"), command)
        weakref.finalize(directory, rmtree, directory.path, ignore_errors=True)
        return directory

    @property
    def request(self) -> RunPath:
        """The request file (`run.json`, ...)."""
        return self.path / self._name

    @property
    def exists(self) -> bool:
        """Whether a run of this command began here."""
        return self.request.is_file()

    @contextmanager
    def writing(self, document: dict[str, Any]) -> Iterator[None]:
        """Start a run, or continue the run that began here; within this context no other process writes here.

        Args:
            document: contents of the request file (`run.json`, ...). A run that began here is the same if its entries
                `asked` and `case_digests` are the same; runs of earlier versions have no `case_digests`.

        Raises:
            RequestError: the directory holds another run or other files, cannot be written, or another process writes
                into it.
            StorageError: the disk is full, can only be read, or is gone.
        """
        self._check(document)
        if isinstance(self.path, Path):
            try:
                self.path.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise in_words(self.path, error) from error
        with one_writer(self.path):
            self._check(document)  # again, because another process may have begun a run in the meantime
            if not self.exists:
                self._write(self._name, document)
            yield

    def _check(self, document: dict[str, Any]) -> None:
        """Refuse a directory that holds another run or other files."""
        if self.exists:
            # To JSON and back, as the document on disk was.
            asked, begun = json.loads(json.dumps(document["asked"])), self.read()
            differing = [key for key, value in asked.items() if begun["asked"].get(key) != value]
            differing = differing or changed_cases(begun, document)
            if differing:
                raise RequestError(
                    f"{self.path} holds another run (it differs in {', '.join(differing)}): give another --out, or "
                    "delete it"
                )
            return
        if any(RunDirectory(self.path, command).exists for command in _FILES) or not self.path.exists():
            return
        if not self.path.is_dir() or {file.name for file in self.path.iterdir()} - {LOCK, WRITER, LEASE}:
            raise RequestError(f"{self.path} exists and holds no run: give another --out")

    def read(self) -> dict[str, Any]:
        """The contents of the request file (`run.json`, ...).

        Raises:
            RequestError: the directory has no run of this command, or the file cannot be read.
        """
        if not self.exists:
            others = [command for command in _FILES if RunDirectory(self.path, command).exists]
            writers = f" (robustq {' and '.join(others)} wrote here)" if others else ""
            raise RequestError(
                f"no run in {self.path}: it has no {self._name}{writers}; create one with robustq {self.command} --out"
            )
        try:
            document: Any = json.loads(self.request.read_text(encoding="utf-8"))
        except (ValueError, RecursionError, OSError) as error:
            raise RequestError(f"{self.request} cannot be read: {error}") from error
        if not isinstance(document, dict) or not isinstance(document.get("asked"), dict):
            raise RequestError(
                f"{self.request} does not say what was asked, so robustq did not write it: give another run"
            )
        return document

    def add(self, entries: dict[str, Any]) -> None:
        """Add entries to the request file, or replace them; what was asked stays.

        Raises:
            StorageError: the disk is full, can only be read, or is gone.
        """
        self._write(self._name, {**self.read(), **entries})

    @property
    def first_batch(self) -> int:
        """Number of the first planned batch. Number 0 of an analysis holds what the clean cases say."""
        return 1 if self.command == "analyse" else 0

    def missing(self, batches: Iterable[int]) -> list[int]:
        """Those of the batches whose rows are not written."""
        written = self._batches.names()
        return [batch for batch in batches if self._batch(batch) not in written]

    def write(self, batch: int, rows: list[Row]) -> None:
        """Write the rows of a batch into a file, which is complete or missing.

        Raises:
            StorageError: the disk is full, can only be read, or is gone.
        """
        # A folder whose disk was taken away can be made again, empty, and rows written there would be lost.
        if not self.exists:
            raise StorageError(
                f"{self.request} is gone, so the run directory was deleted or its disk was taken away: bring "
                "it back, then give the same command again; or give another --out"
            )
        self._batches.write(self._batch(batch), rows)

    def compact(self) -> None:
        """Gather all rows in `results.parquet`, first those of a stress run, then those of other commands.

        `rows/` is removed once the file is whole.

        Raises:
            RequestError: a file of rows is damaged.
            StorageError: the disk is full, can only be read, or is gone.
        """
        self._batches.gather()

    def rows(self, *, before: int | None = None) -> pa.Table:
        """This command's rows so far, in the order of the batches; with `before`, only those of batches before it.

        Raises:
            RequestError: a file of rows is damaged.
        """
        own = re.compile(rf"{self._prefix}\d{{6}}")
        return self._batches.read(
            lambda name: bool(own.fullmatch(name)) and (before is None or name < self._batch(before))
        )

    def summarise(self, summary: dict[str, Any]) -> None:
        """Write `summary.json`."""
        self._write(f"{self._prefix}summary.json", summary)

    def _batch(self, batch: int) -> str:
        return f"{self._prefix}{batch:06d}"

    def _write(self, name: str, document: dict[str, Any]) -> None:
        with whole_file(self.path / name) as partial:
            partial.write_text(json.dumps(document, indent=1))


def changed_cases(begun: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What differs in the cases that two request files share by name, in words; empty where nothing is known to."""
    digests, others = (document.get("case_digests", {}) for document in (begun, other))
    changed = sorted(case for case in digests.keys() & others.keys() if digests[case] != others[case])
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    return [f"the mask, intensity range or spacing of case {changed[0]}{more}"] if changed else []


def versions() -> dict[str, str]:
    """Versions of the libraries that figures depend on."""
    return {library: version(library) for library in ("robustq", "torch", "numpy", "scipy", "torchio")}
