"""Runs whose directory is in an object store: the same rows as on a disk, one writer, nothing lost."""

import os
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.memory import MemoryFileSystem

import robustq
from analyses import model
from commands import robustq as command
from memory_store import in_memory
from robustq.errors import RequestError, StorageError
from robustq.one_writer import one_writer
from robustq.run.progress import Progress
from robustq.storage import lease
from robustq.storage.run_path import run_path

URL = "memory://bucket/run"
STRESS = ("stress", "--data", "phantom:first=160,cases=2,domain=A", "--levels", "0,30", "--draws", "1")


class Killed(BaseException):
    """What a process sees when it is told to stop."""


@pytest.fixture(autouse=True)
def _store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty store, and leases for people in a hurry."""
    for name, seconds in (("RENEWAL", 0.05), ("LOOK", 0.02), ("VOID", 0.4)):
        monkeypatch.setattr(lease, name, seconds)
    with in_memory():
        yield


def stress(
    out: Path | str, on_progress: Callable[[Progress], object] = lambda progress: None, **settings: Any
) -> robustq.Run:
    asked = {"levels": [10, 30], "draws": 2, "batch_size": 2, **settings}
    return robustq.stress({"m": model()}, "phantom:cases=2", out=out, on_progress=on_progress, **asked)


def results(out: Path | str) -> bytes:
    return (run_path(out) / "results.parquet").read_bytes()


def names(out: Path | str) -> set[str]:
    """What stands in a run directory, without what a lock leaves."""
    return {file.name for file in run_path(out).iterdir()}


def test_a_run_has_the_files_and_rows_of_a_local_one_and_the_lease_is_given_back(tmp_path: Path) -> None:
    local, remote = stress(tmp_path / "run"), stress(URL)
    assert names(URL) == names(tmp_path / "run")
    assert results(URL) == results(tmp_path / "run")
    pd.testing.assert_frame_equal(remote.to_frame(), local.to_frame())
    assert {**remote.summary(), "run": ""} == {**local.summary(), "run": ""}
    assert robustq.Run(URL).summary()["run"] == URL


def test_a_run_that_is_interrupted_and_given_again_has_the_same_rows(tmp_path: Path) -> None:
    def die(progress: Progress) -> None:
        if progress.done > 3:
            raise Killed

    stress(tmp_path / "run")
    with pytest.raises(Killed):
        stress(URL, die)
    assert robustq.Run(URL).missing_batches > 0
    assert "rows" in names(URL)
    seen: list[Progress] = []
    stress(URL, seen.append)
    assert 0 < seen[0].resumed < seen[0].total
    assert results(URL) == results(tmp_path / "run")
    assert "rows" not in names(URL)


def test_an_analysis_and_a_search_share_the_directory_as_on_a_disk(tmp_path: Path) -> None:
    for out in (tmp_path / "run", URL):
        stress(out)
        robustq.analyse(
            {"m": model()}, "phantom:cases=2", check="codebook,latent-variance", draws=2, levels=[10], out=out
        )
        robustq.minimal_levels({"m": model()}, "phantom:cases=2", "gaussian", draws=1, out=out)
    assert names(URL) == names(tmp_path / "run")
    assert results(URL) == results(tmp_path / "run")
    pd.testing.assert_frame_equal(robustq.Analysis(URL).to_frame(), robustq.Analysis(tmp_path / "run").to_frame())
    assert list(robustq.Analysis(URL).figures) == list(robustq.Analysis(tmp_path / "run").figures) != []
    assert b"<html" in robustq.write_page(URL).read_bytes()


def test_a_path_that_holds_another_run_or_other_objects_is_refused() -> None:
    stress(URL)
    with pytest.raises(RequestError, match=rf"{URL} holds another run \(it differs in seed\): give another --out"):
        stress(URL, seed=1)
    (run_path("memory://bucket/other") / "notes.txt").write_bytes(b"")  # type: ignore[union-attr]
    with pytest.raises(RequestError, match="memory://bucket/other exists and holds no run"):
        stress("memory://bucket/other")


def test_a_second_writer_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    with one_writer(run_path(URL)):
        refused = command(*STRESS, "--out", URL, cwd=tmp_path)
        assert names(URL) == {lease.LEASE}
    assert refused.returncode == 2
    assert f"process {os.getpid()} on " in refused.stderr
    assert f"writes to {URL}: wait until it ends or stop it, or give another --out" in refused.stderr


def test_a_run_whose_lease_was_taken_over_stops_and_overwrites_nothing() -> None:
    taken = b'{"token": "another", "process": 7, "host": "elsewhere", "began": "today"}'
    before: dict[str, bytes] = {}

    def take_over(progress: Progress) -> None:
        if progress.done > 3 and not before:
            MemoryFileSystem().pipe_file(f"{URL}/{lease.LEASE}", taken)
            before.update({name: bytes(file.getvalue()) for name, file in MemoryFileSystem.store.items()})

    with pytest.raises(StorageError, match=f"process 7 on elsewhere, .* has taken {URL} over"):
        stress(URL, take_over)
    assert {name: bytes(file.getvalue()) for name, file in MemoryFileSystem.store.items()} == before


@pytest.mark.parametrize("puts", [1, 4, 5])
def test_a_store_that_fails_ends_the_run_in_one_sentence_and_the_same_command_continues(
    puts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, done = MemoryFileSystem.pipe_file, []

    def put(files: MemoryFileSystem, path: str, value: bytes, **settings: Any) -> None:
        if lease.LEASE not in path:
            done.append(path)
            if len(done) > puts:
                raise OSError("the store is full")
        plain(files, path, value, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "pipe_file", put)
        stopped = command(*STRESS, "--out", URL, cwd=tmp_path)
    assert stopped.returncode == 6
    assert stopped.stderr.count("\n") < 5
    assert "(the store is full): make the store reachable" in stopped.stderr
    assert "give the same command again" in stopped.stderr
    assert "Traceback" not in stopped.stderr

    assert command(*STRESS, "--out", URL, cwd=tmp_path).returncode == 0
    assert command(*STRESS, "--out", "run", cwd=tmp_path).returncode == 0
    assert rows(URL).equals(rows(tmp_path / "run"))


def rows(out: Path | str) -> pa.Table:
    return pq.read_table(BytesIO(results(out)))


def test_every_command_that_reads_a_run_reads_one_in_a_store(tmp_path: Path) -> None:
    for out in ("run", URL):
        assert command(*STRESS, "--out", out, cwd=tmp_path).returncode == 0
    (tmp_path / "criteria.toml").write_text('[[criteria]]\nmetric = "dice"\nkind = "mean"\nmin = 0.1\n')
    assert names(URL) == names(tmp_path / "run")
    for words in (
        ("show", "RUN"),
        ("show", "RUN", "--what", "compare", "--format", "csv"),
        ("compare", "RUN", "--baseline", "unet"),
        ("gate", "RUN", "--criteria", "criteria.toml"),
        ("card", "RUN"),
    ):
        local, remote = (
            command(*(out if word == "RUN" else word for word in words), cwd=tmp_path) for out in ("run", URL)
        )
        assert (remote.returncode, remote.stderr) == (local.returncode, local.stderr)
        assert remote.stdout.replace(URL, "run") == local.stdout
    page = command("report", URL, cwd=tmp_path)
    assert f"The page is {URL}/report.html." in page.stderr
    assert command("show", URL, "--figures", "figures", cwd=tmp_path).returncode == 0
    assert (tmp_path / "figures" / "curves-dice.pdf").exists()
