"""A terminal shows the verdicts of the page, and a matrix that a person can read at 80 columns."""

import io
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

import rows
from commands import robustq
from robustq.report.overview import _bar
from robustq.results.page_chapter import page_chapter
from robustq.results.stress_overview import stress_overview
from robustq.results.stress_run import Run
from robustq.run.stress import stress
from stored_runs import stored_run

LONG = "a-model-with-a-very-long-name-from-a-file-of-somebody-2024-11-26"


def two_models(path: Path, other: str = "vq", **settings: object) -> Run:
    made = [
        *rows.run("unet", rows.declining(0.01, 0), groups=6, **settings),
        *rows.run(other, rows.declining(0.02, 1), groups=6, **settings),
    ]
    return Run(stored_run(path, made))


def test_the_verdicts_are_those_of_the_page(tmp_path: Path) -> None:
    run = two_models(tmp_path)
    chapter = page_chapter([run], "unet")
    sentences = stress_overview(run).sentences
    verdicts = [*chapter.comparisons, *chapter.verdicts]
    assert len(verdicts) == 1 + 4 + 2
    assert set(chapter.alerts) <= set(sentences)
    for verdict in verdicts:
        (sentence,) = [text for text in sentences if f": {verdict.sentence}" in text and verdict.where in text]
        assert sentence.endswith(verdict.change)


def test_a_line_has_both_ends_the_retention_and_the_curve(tmp_path: Path) -> None:
    run = two_models(tmp_path)
    (grid,) = stress_overview(run).grids
    assert grid.header == [
        "perturbation",
        "model",
        "0\N{NO-BREAK SPACE}%",
        "30\N{NO-BREAK SPACE}%",
        "retention",
        "curve",
    ]
    ((_, lines),) = grid.sections
    named = [pair for each in ("gaussian", "poisson", "all") for pair in ([each, "unet"], ["", "vq"])]
    assert [line[:2] for line in lines] == named
    means = run.summary_frame().set_index(["model", "perturbation", "level"])["mean"]
    clean, worst = means["vq", "gaussian", 0.0], means["vq", "gaussian", 30.0]
    assert lines[1][2:5] == [f"{clean:.3f}", f"{worst:.3f}", f"{100 * worst / clean:.0f}\N{NO-BREAK SPACE}%"]
    assert len(lines[1][5]) == 3


def test_level_0_alone_is_one_column_and_no_value_at_all_is_said(tmp_path: Path) -> None:
    clean = rows.run("unet", rows.declining(0.01, 0), groups=2, levels=(0.0,))
    (grid,) = stress_overview(Run(stored_run(tmp_path / "clean", clean))).grids
    assert list(grid.header) == ["perturbation", "model", "0\N{NO-BREAK SPACE}%", "curve"]
    nothing = rows.run("unet", lambda **_: None, groups=2)
    (grid,) = stress_overview(Run(stored_run(tmp_path / "nothing", nothing))).grids
    assert "dice" in grid.title.lower()


def test_many_perturbations_have_their_verdicts_on_request(tmp_path: Path) -> None:
    run = two_models(tmp_path, noises=("gaussian", "poisson", "speckle", "rician"))
    assert len(stress_overview(run, details=True).sentences) - len(stress_overview(run).sentences) == 3 * 4


def test_80_columns_hold_every_figure_beside_a_long_name(tmp_path: Path) -> None:
    (grid,) = stress_overview(two_models(tmp_path, LONG)).grids
    stream = io.StringIO()
    Console(file=stream, width=80, force_terminal=True, color_system=None).print(grid.to_rich())
    assert all(len(line) <= 80 for line in stream.getvalue().splitlines())
    ((_, lines),) = grid.sections
    for line in lines:
        assert all(cell in stream.getvalue() for cell in line[2:])


def test_piped_output_is_plain_and_whole(tmp_path: Path) -> None:
    run = two_models(tmp_path / "run", LONG)
    shown = robustq("show", "run", cwd=tmp_path).stdout
    overview = stress_overview(run)
    assert "\x1b" not in shown
    assert "settled: " + LONG in shown
    assert all(sentence in shown for sentence in overview.sentences)
    assert all(cell in shown for _, lines in overview.grids[0].sections for line in lines for cell in line)


@pytest.mark.parametrize(
    ("value", "full", "bar"),
    [(0, 1, "▁"), (0.12, 1, "▁"), (0.5, 1, "▄"), (0.51, 1, "▅"), (1, 1, "█"), (float("nan"), 1, "·")],
)
def test_a_bar_has_an_eighth_of_the_height_for_each_eighth(value: float, full: float, bar: str) -> None:
    assert _bar(value, full) == bar


def test_an_infinite_distance_is_a_full_bar_and_no_distance_at_all_an_empty_one() -> None:
    assert (_bar(float("inf"), 5.0), _bar(0.0, 0.0)) == ("█", "▁")


def test_under_a_distance_stands_how_many_structures_were_missed_and_how_they_count() -> None:
    blind = nn.Conv2d(1, 2, 1)
    nn.init.zeros_(blind.weight)
    blind.bias.data = torch.tensor([1.0, 0.0])
    mask = torch.zeros(8, 8, dtype=torch.long)
    mask[2:5, 2:5] = 1
    pairs = [(torch.rand(8, 8, generator=torch.Generator().manual_seed(seed)), mask) for seed in range(2)]
    run = stress({"blind": blind}, pairs, noise=["gaussian", "poisson"], levels=[30], draws=2, metrics="dice,hd95")
    *_, last = stress_overview(run).grids
    # Of two cases: the clean answer, and two draws of two perturbations.
    (note,) = [note for note in last.notes if note.startswith("hd95: ")]
    assert note.startswith("hd95: 10 structures missed, of all models and levels. A structure that a model misses")
    assert not any(note.startswith("dice: ") for note in last.notes)
