"""Without `out`, a run writes into a temporary directory, which stays no longer than it is of use."""

import gc
import os
import tempfile
from pathlib import Path

import pytest

import robustq

DATA = "phantom:cases=1,domain=B"


@pytest.fixture(autouse=True)
def temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_the_directory_stays_as_long_as_its_reader(tmp_path: Path) -> None:
    run = robustq.stress(None, DATA, levels=(30,), draws=1)
    assert os.listdir(tmp_path) == [run.directory.path.name]
    del run
    gc.collect()
    assert os.listdir(tmp_path) == []


def test_a_run_that_ends_in_an_error_leaves_no_directory(tmp_path: Path) -> None:
    def stop(progress: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        robustq.stress(None, DATA, levels=(30,), draws=1, on_progress=stop)
    gc.collect()
    assert os.listdir(tmp_path) == []


def test_a_run_whose_executor_is_unknown_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(robustq.RequestError, match="unknown"):
        robustq.stress(None, DATA, levels=(30,), draws=1, executor="nowhere")
    gc.collect()
    assert os.listdir(tmp_path) == []
