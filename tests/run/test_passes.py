"""How many passes a run makes, which is said before a long one."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import robustq
from analyses import model
from robustq.model.segmenter import Segmenter
from robustq.run import recording as recording_module
from robustq.run.passes import Passes, Work
from robustq.run.progress import Progress
from robustq_cli.console import Pieces
from robustq_cli.console import progress as progress_bars

DATA = "phantom:cases=1"


@pytest.fixture
def slow_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock is ten seconds later."""
    seconds = itertools.count(0.0, 10.0)
    monkeypatch.setattr(recording_module, "monotonic", lambda: next(seconds))


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[bool, int]:
    """Images that went through a whole segmenter, with gradient (True) and without."""
    passes = {True: 0, False: 0}
    run = Segmenter.run

    def counted(self: Segmenter, images: Tensor) -> Any:
        passes[torch.is_grad_enabled()] += len(images)
        return run(self, images)

    monkeypatch.setattr(Segmenter, "run", counted)
    return passes


def pair() -> dict[str, Segmenter]:
    return {"vq": model(), "plain": model("none")}


def works(told: list[Progress]) -> Iterator[Work]:
    return (progress.work for progress in told if progress.work is not None)


def test_a_stress_run_makes_the_passes_that_are_said(slow_clock: None, made: dict[bool, int]) -> None:
    told: list[Progress] = []
    asked = {"noise": ["gaussian"], "attack": ["pgd@3", "fgsm"], "levels": [2, 5], "on_progress": told.append}
    robustq.stress(pair(), DATA, **asked)
    assert next(works(told)).passes == Passes(made[False], made[True])
    # Two cases and levels; each of two models is attacked by three steps and by one.
    assert made[True] == 2 * 2 * 2 * (3 + 1)


def test_a_search_makes_no_more_passes_than_are_said(slow_clock: None, made: dict[bool, int]) -> None:
    told: list[Progress] = []
    robustq.minimal_levels(pair(), DATA, "pgd@2", threshold=1e-9, resolution=3, on_progress=told.append, split="all")
    work = next(works(told))
    assert work.at_most
    assert made[False] <= work.passes.plain
    assert made[True] <= work.passes.with_gradient
    # Every search that finds nothing below the threshold tries the ten steps; else, two halvings more.
    assert work.passes.with_gradient == 2 * 2 * 12 * 2


def test_an_analysis_counts_the_pass_of_the_tangent(slow_clock: None) -> None:
    told: list[Progress] = []
    robustq.analyse(pair(), DATA, check="taylor", levels=[5], draws=3, on_progress=told.append)
    assert next(works(told)).passes == Passes(2 * 2 * (1 + 3 + 3))


def test_a_short_run_says_nothing() -> None:
    told: list[Progress] = []
    robustq.stress({"m": model("none")}, DATA, levels=[5], draws=1, on_progress=told.append)
    assert told
    assert not list(works(told))


def test_the_sentence_is_printed_once_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    work = Work(Passes(4400, 8000), networks=2, at_most=False, seconds=840)
    with progress_bars() as bars:
        pieces = Pieces(bars, None, lambda: None)
        pieces(Progress(1, 9, 0))
        pieces(Progress(2, 9, 0, Work(work.passes, 2, at_most=False, seconds=59)))
        pieces(Progress(3, 9, 0, work))
        pieces(Progress(4, 9, 0, work))
    printed = capsys.readouterr()
    sentence = "This run makes 12 400 passes through 2 networks, 8 000 of them with gradient, about 14 minutes here."
    assert printed.err.replace("\N{NO-BREAK SPACE}", " ").count(sentence) == 1
    assert printed.out == ""


@pytest.mark.parametrize(("seconds", "words"), [(70, "about 1 minute here"), (7200, "about 2.0 hours here")])
def test_the_time_is_rounded(seconds: float, words: str) -> None:
    assert words in str(Work(Passes(10), networks=1, at_most=True, seconds=seconds))
    assert str(Work(Passes(10), networks=1, at_most=True, seconds=seconds)).startswith(
        "This run makes at most 10 passes through 1 network, about"
    )
