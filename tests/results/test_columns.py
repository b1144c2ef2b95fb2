"""Run directories of other versions are read, or refused in a sentence."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import robustq
from earlier_version import with_rows_folder
from robustq.errors import RequestError


@pytest.fixture
def run(tmp_path: Path) -> robustq.Run:
    return robustq.stress(None, "phantom:cases=1,domain=B", levels=(30,), draws=1, out=tmp_path / "run")


def rewrite(run: robustq.Run, change: object) -> None:
    for part in with_rows_folder(run.directory.path).iterdir():
        pq.write_table(change(pq.read_table(part)), part)


def test_rows_of_a_version_without_severity_are_read_with_an_empty_one(run: robustq.Run) -> None:
    expected = run.to_frame()
    rewrite(run, lambda table: table.drop_columns(["severity"]))
    again = robustq.Run(run.directory.path).to_frame()
    assert set(again["severity"]) == {""}
    assert again.equals(expected)


def test_columns_of_a_newer_version_are_refused_by_name(run: robustq.Run) -> None:
    rewrite(run, lambda table: table.append_column("mood", pa.array(["good"] * len(table))))
    with pytest.raises(RequestError, match=r"columns mood.*update robustq"):
        robustq.Run(run.directory.path).to_frame()


def test_a_file_that_lacks_a_column_of_the_first_version_is_refused(run: robustq.Run) -> None:
    rewrite(run, lambda table: table.drop_columns(["metric"]))
    with pytest.raises(RequestError, match="no column metric"):
        robustq.Run(run.directory.path).to_frame()
