"""Where batches are computed changes nothing of a run."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pandas as pd
import pytest

import robustq
from robustq import registry
from robustq.errors import RequestError
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
