"""Every figure of a run directory is drawn from the directory alone, in the formats and style that are asked for."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import robustq
import rows
from robustq.errors import RequestError
from robustq.results.figures import draw_run, predictions
from robustq.results.gallery import STACKS, read_level_pictures
from robustq.results.stress_run import Run
from robustq_cli.main import app
from stored_runs import stored_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = rows.run("unet", rows.declining(0.01, 0)) + rows.run("vq", rows.declining(0.005, 1))
    return stored_run(tmp_path_factory.mktemp("figures") / "run", made)


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on two volumes with two labels each, whose slices along the last axis are the coarsest."""
    generator = np.random.default_rng(0)
    items = []
    for _ in range(2):
        mask = np.zeros((8, 8, 10), np.uint8)
        mask[2:5, 2:6, 3:8] = 1
        mask[5:7, 2:6, 3:8] = 2
        mask[1:7, 1:7, 6] = 1  # most truth
        items.append((mask + generator.random(mask.shape, np.float32), mask))
    data = robustq.InMemoryDataset(items, labels={1: "ball", 2: "box"}, spacing=[1.0, 1.0, 2.0])
    models = {
        name: robustq.wrap("unet", quantise="none", dims=3, classes=3, width=4, scales=2, groups=2) for name in "ab"
    }
    out = tmp_path_factory.mktemp("volumes") / "run"
    return robustq.stress(models, data, levels=[0, 10, 30], draws=1, split="all", out=out, images=True)


def invoke(*words: object) -> Any:
    return CliRunner().invoke(app, list(map(str, words)), catch_exceptions=False)


def test_show_draws_every_figure_from_the_directory_alone(run: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(run, tmp_path / "elsewhere")
    result = invoke("show", moved, "--figures", tmp_path / "out", "--format", "svg", "--style", "paper")

    assert result.exit_code == 0, result.stderr
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["captions.md", "compare-dice.svg", "curves-dice.svg"]
    captions = (tmp_path / "out" / "captions.md").read_text()
    assert "- **curves-dice**: Curves of dice on chests, higher is better; band: 95 % interval" in captions
    assert sorted(path.name for path in moved.iterdir()) == sorted(path.name for path in run.iterdir())


def test_compare_draws_differences(run: Path, tmp_path: Path) -> None:
    result = invoke("compare", run, "--baseline", "unet", "--figures", tmp_path, "--format", "png")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["captions.md", "compare-dice.png"]
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--figures", "x", "--format", "latex"], "'latex'"),
        (["--figures", "x", "--style", "poster"], "'poster'"),
        (["--style", "paper"], "add --figures FOLDER"),
    ],
)
def test_a_wrong_wish_for_figures_is_refused(run: Path, words: list[str], message: str) -> None:
    for command in (["show", run], ["compare", run, "--baseline", "unet"], ["stress"]):
        with pytest.raises(RequestError, match=message):
            invoke(*command, *words)


def test_a_figure_that_cannot_be_drawn_costs_no_other_figure(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*words: object, **options: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr("robustq.report.stress_figure.curve_figure", fail)
    result = invoke("show", run, "--figures", tmp_path, "--format", "png")
    assert result.exit_code == 0
    assert "Note: the curves of dice could not be drawn (no ink); the rows are whole." in result.stderr
    assert (tmp_path / "compare-dice.png").exists()


def test_predictions_show_each_level_with_truth_and_answer(volumes: Run) -> None:
    figure = predictions(volumes)["predictions-1"]
    assert [axes.get_title() for axes in figure.axes[:3]] == [f"{level}\N{NO-BREAK SPACE}%" for level in (0, 10, 30)]
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["a", "b"]
    frame = volumes.to_frame().query("metric == 'dice' and level == 10 and model == 'b' and draw == 0")
    case = figure.get_suptitle().removeprefix("case ").partition(",")[0]
    assert figure.axes[4].get_xlabel() == f"dice {frame[frame['case'] == case]['value'].mean():.2f}"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["truth", "answer"]


def test_of_a_volume_the_slice_with_most_truth_is_kept_with_its_labels_apart(volumes: Run) -> None:
    for pictures in read_level_pictures(volumes):
        for truth in pictures.truths.values():
            assert truth.shape == (3, 8, 8)
            assert (truth > 0).sum((1, 2)).tolist() == [36, 36, 36]
        assert set(np.unique(pictures.truths["a"])) == {0, 1}


def test_images_that_all_models_were_shown_are_kept_once(volumes: Run) -> None:
    with np.load(volumes.directory.path / "gallery" / "1.npz") as arrays:
        assert [len(arrays[name]) for name in STACKS] == [1, 2, 2]


def test_a_gallery_of_an_earlier_version_gives_level_0_and_the_highest(volumes: Run, tmp_path: Path) -> None:
    import json

    copy = Run(shutil.copytree(volumes.directory.path, tmp_path / "copy"))
    for path in (tmp_path / "copy" / "gallery").glob("*.npz"):
        with np.load(path) as arrays:
            kept = {name: arrays[name] for name in arrays if name not in (*STACKS, "about")}
            about = json.loads(str(arrays["about"]))
        earlier = {key: value for key, value in about.items() if key not in ("levels", "level_scores")}
        np.savez_compressed(path, about=np.array(json.dumps(earlier)), **kept)
    for old, new in zip(read_level_pictures(copy), read_level_pictures(volumes), strict=True):
        assert list(old.levels) == [0, 30]
        for model in "ab":
            assert (old.images[model] == new.images[model][[0, 2]]).all()
            assert (old.truths[model] == (new.truths[model][[0, 2]] > 0)).all()
            assert (old.answers[model] == (new.answers[model][[0, 2]] > 0)).all()
            assert list(old.scores[model]) == [new.scores[model][0], new.scores[model][2]]


def test_what_a_run_keeps_alone_is_the_worst_case(volumes: Run, tmp_path: Path) -> None:
    notes = draw_run(volumes.directory.path, _request(tmp_path), "stress")
    assert notes == []
    assert {path.stem for path in tmp_path.glob("*.png")} == {"curves-dice", "predictions-1", "predictions-2"}
    assert set(predictions(volumes, most=1)) == {"predictions-1"}


def _request(folder: Path) -> Any:
    from robustq.request.figures import parse_figures

    return parse_figures(folder, "png", None)
