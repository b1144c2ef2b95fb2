"""Rows are written batch by batch, gathered in one file, and read from there as they were written."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

import robustq
from analyses import model
from earlier_version import with_rows_folder
from robustq.errors import RequestError
from robustq.results.batch_rows import BatchRows
from robustq.results.rows import Row
from robustq.run.progress import Progress

ROW = Row("m", "d", "", "c", "g", "clean", 0.0, "{}", 0, None, None, "", "dice", 0.5)


class Killed(BaseException):
    """What a process sees when it is told to stop."""


def cases_read(batches: BatchRows) -> list[str]:
    return batches.read(lambda name: True)["case"].to_pylist()


def gathered(directory: Path, **cases_by_batch: list[str]) -> BatchRows:
    batches = BatchRows(directory)
    for name, cases in cases_by_batch.items():
        batches.write(name, [replace(ROW, case=case) for case in cases])
    batches.gather()
    return batches


def test_gathered_rows_have_no_folder_and_are_read_in_the_order_of_their_batches(tmp_path: Path) -> None:
    batches = gathered(tmp_path, b=["3"], a=["1", "2"], c=[])
    assert not (tmp_path / "rows").exists()
    assert cases_read(batches) == ["1", "2", "3"]
    assert batches.read(lambda name: name == "b")["case"].to_pylist() == ["3"]
    assert batches.names() == {"a", "b", "c"}
    assert pq.read_table(tmp_path / "results.parquet")["case"].to_pylist() == ["1", "2", "3"]


def test_a_batch_that_is_written_later_replaces_the_gathered_one(tmp_path: Path) -> None:
    batches = gathered(tmp_path, a=["1"], b=["2"])
    batches.write("a", [replace(ROW, case="new"), replace(ROW, case="newer")])
    assert cases_read(batches) == ["new", "newer", "2"]
    batches.gather()
    assert cases_read(batches) == ["new", "newer", "2"]


def test_a_removal_that_was_interrupted_is_harmless(tmp_path: Path) -> None:
    batches = gathered(tmp_path, a=["1"], b=["2"])
    batches.write("b", [replace(ROW, case="2")])  # as if it had not been removed
    (tmp_path / "rows" / ".c.parquet.partial").touch()
    assert cases_read(batches) == ["1", "2"]
    batches.gather()
    assert cases_read(batches) == ["1", "2"]
    assert not (tmp_path / "rows").exists()


def test_rows_that_another_process_gathers_meanwhile_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = BatchRows(tmp_path)
    batches.write("a", [ROW])
    found = BatchRows._gathered

    def gather_meanwhile(self: BatchRows) -> dict[str, int]:
        before = found(self)
        monkeypatch.undo()
        BatchRows(tmp_path).gather()
        return before

    monkeypatch.setattr(BatchRows, "_gathered", gather_meanwhile)
    assert cases_read(batches) == ["c"]


def test_a_damaged_file_of_results_is_named(tmp_path: Path) -> None:
    batches = gathered(tmp_path, a=["1"])
    (tmp_path / "results.parquet").write_bytes(b"PAR1")
    with pytest.raises(RequestError, match=r"results.parquet cannot be read .*: delete it and run the same command"):
        batches.names()


def stress(out: Path, on_progress: Callable[[Progress], object] = lambda progress: None) -> pd.DataFrame:
    asked = {"levels": [10, 30], "draws": 2, "batch_size": 2}
    return robustq.stress({"m": model()}, "phantom:cases=2", out=out, on_progress=on_progress, **asked).to_frame()


def analyse(out: Path) -> pd.DataFrame:
    asked = {"check": "latent-variance", "levels": [10], "draws": 2}
    return robustq.analyse({"m": model()}, "phantom:cases=2", out=out, **asked).to_frame()


def minimal(out: Path) -> pd.DataFrame:
    return robustq.minimal_levels({"m": model()}, "phantom:cases=2", "gaussian", draws=1, out=out).to_frame()


@pytest.mark.parametrize("command", [stress, analyse, minimal])
def test_the_same_command_again_computes_nothing_and_has_the_same_rows(
    tmp_path: Path, command: Callable[[Path], pd.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = command(tmp_path)
    table = pq.read_table(tmp_path / "results.parquet")
    assert not (tmp_path / "rows").exists()
    monkeypatch.setattr("robustq_local.local.Local.results", lambda self, work, batches: [1 / 0 for _ in batches])
    pd.testing.assert_frame_equal(command(tmp_path), first)
    assert pq.read_table(tmp_path / "results.parquet").equals(table)
    assert not (tmp_path / "rows").exists()


def test_a_run_that_was_killed_continues_after_an_analysis_ended_in_its_directory(tmp_path: Path) -> None:
    whole, analysed = stress(tmp_path / "whole"), analyse(tmp_path / "analysis")

    def die(progress: Progress) -> None:
        if progress.done > 3:
            raise Killed

    with pytest.raises(Killed):
        stress(tmp_path / "run", die)
    pd.testing.assert_frame_equal(analyse(tmp_path / "run"), analysed)
    assert not (tmp_path / "run" / "rows").exists()
    seen: list[Progress] = []
    pd.testing.assert_frame_equal(stress(tmp_path / "run", seen.append), whole)
    assert 0 < seen[-1].resumed < seen[-1].total
    pd.testing.assert_frame_equal(robustq.Analysis(tmp_path / "run").to_frame(), analysed)


def test_a_run_directory_of_an_earlier_version_is_read_and_continued(tmp_path: Path) -> None:
    whole = stress(tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "earlier")
    folder = with_rows_folder(tmp_path / "earlier")
    pd.testing.assert_frame_equal(robustq.Run(tmp_path / "earlier").to_frame(), whole)
    (folder / "000000.parquet").unlink()
    assert robustq.Run(tmp_path / "earlier").missing_batches == 1
    pd.testing.assert_frame_equal(stress(tmp_path / "earlier"), whole)
    assert not folder.exists()
