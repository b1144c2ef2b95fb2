"""Where batches are computed changes nothing of a run."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pytest

import robustq
from earlier_version import with_rows_folder
from robustq import registry
from robustq.errors import RequestError, StorageError
from robustq.executor import AbstractExecutor, Batch, Result
from robustq.run.progress import open_executor


class LastFirst(AbstractExecutor):
    def results(self, work: Callable[[Batch], Result], batches: Mapping[int, Batch]) -> Iterator[tuple[int, Result]]:
        for number in reversed(list(batches)):
            yield number, work(batches[number])


def stressed(out: Path, **asked: object) -> pd.DataFrame:
    run = robustq.stress(None, "phantom:cases=2,domain=B", levels=(30,), draws=2, out=out, **asked)
    return run.to_frame()


def test_a_run_has_the_same_rows_whatever_the_order_in_which_batches_are_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = registry.load
    monkeypatch.setattr(
        registry, "load", lambda kind, name, **rest: LastFirst if name == "backwards" else load(kind, name, **rest)
    )
    usual, backwards = stressed(tmp_path / "usual"), stressed(tmp_path / "backwards", executor="backwards")
    pd.testing.assert_frame_equal(usual, backwards)


def test_the_local_executor_takes_no_setting() -> None:
    with pytest.raises(RequestError, match="takes nothing after the colon"):
        open_executor("local:4")


def test_an_unknown_executor_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(RequestError, match="did you mean local"):
        open_executor("locl")


def _dies_once(mark: tuple[str, int]) -> int:
    """Ends its process the first time that it is called with a path."""
    path, number = mark
    if path and not Path(path).exists():
        Path(path).touch()
        os._exit(9)
    return number


def _dies(number: int) -> int:
    os._exit(9)


def test_processes_give_the_rows_of_the_local_executor_and_continue_its_run(tmp_path: Path) -> None:
    local = stressed(tmp_path / "local")
    several = stressed(tmp_path / "several", executor="processes:2")
    pd.testing.assert_frame_equal(local, several)
    written = sorted(with_rows_folder(tmp_path / "local").iterdir())
    for file in written[::2]:
        file.unlink()
    pd.testing.assert_frame_equal(local, stressed(tmp_path / "local", executor="processes:2"))


@pytest.mark.parametrize("setting", ["0", "-1", "two", "1.5"])
def test_a_number_of_processes_is_a_whole_number_from_1(setting: str) -> None:
    with pytest.raises(RequestError, match="give a number of processes"):
        open_executor(f"processes:{setting}")


def test_the_batch_of_a_process_that_dies_is_computed_by_a_new_one(tmp_path: Path) -> None:
    batches = {0: ("", 10), 1: (str(tmp_path / "died"), 11), 2: ("", 12)}
    results = dict(open_executor("processes:2").results(_dies_once, batches))
    assert results == {0: 10, 1: 11, 2: 12}


def test_a_batch_of_which_two_processes_die_ends_the_run_in_one_sentence() -> None:
    with pytest.raises(StorageError, match=r"two worker processes in turn ended .* \(exit status 9\)"):
        list(open_executor("processes:1").results(_dies, {0: 0}))


def test_work_that_cannot_be_handed_over_is_refused() -> None:
    with pytest.raises(RequestError, match="cannot be handed to another process"):
        list(open_executor("processes:1").results(lambda batch: batch, {0: 0}))
