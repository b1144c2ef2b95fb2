"""The stopwatch adds up each stage alone."""

import itertools
from collections.abc import Iterator

import pytest

from robustq import stopwatch as stopwatch_module
from robustq.stopwatch import Stopwatch


@pytest.fixture(autouse=True)
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is a second later."""
    seconds = itertools.count(0.0, 1.0)
    monkeypatch.setattr(stopwatch_module, "perf_counter", lambda: next(seconds))


def test_a_stage_within_another_interrupts_it() -> None:
    stopwatch = Stopwatch(begun=0.0)
    with stopwatch.stage("outer"):
        with stopwatch.stage("inner"):
            pass
        with stopwatch.stage("inner"):
            pass
    assert stopwatch.take() == {"outer": 3.0, "inner": 2.0}
    assert stopwatch.take() == {}


def test_an_error_ends_its_stage() -> None:
    stopwatch = Stopwatch(begun=0.0)
    with pytest.raises(ValueError, match="wrong"), stopwatch.stage("broken"):
        raise ValueError("wrong")
    with stopwatch.stage("next"):
        pass
    assert stopwatch.take() == {"broken": 1.0, "next": 1.0}


def test_the_time_until_each_item_comes_is_measured_and_not_that_of_its_use() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)

    stopwatch = Stopwatch(begun=0.0)
    used = []
    for item in stopwatch.each("made", items()):
        with stopwatch.stage("used"):
            used.append(item)
    assert used == [1, 2]
    assert stopwatch.take() == {"made": 3.0, "used": 2.0}
