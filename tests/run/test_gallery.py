"""The images of the worst cases that a stress run keeps."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import robustq
from robustq.report.page.gallery import AGREES, CONFUSED, INVENTED, MISSED
from robustq.results.gallery import read_gallery
from robustq.results.page import write_page
from robustq_cli.main import app


def network(dims: int = 2, quantise: str = "none") -> robustq.Segmenter:
    return robustq.wrap("unet", quantise=quantise, dims=dims, classes=2, width=4, scales=2, groups=2)


def balls(count: int, *extents: int) -> robustq.InMemoryDataset:
    """Images or volumes with a ball of another size in each; voxels are longest along the last axis."""
    generator = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*map(np.arange, extents), indexing="ij"))
    centre = np.array(extents).reshape(-1, *[1] * len(extents)) / 2
    distance = np.linalg.norm(grid - centre, axis=0)
    masks = [(distance < 2 + place).astype(np.uint8) for place in range(count)]
    items = [(mask + 0.1 * generator.random(mask.shape, np.float32), mask) for mask in masks]
    spacing = [1.0] * (len(extents) - 1) + [2.0]
    names = [f"patient smith {place}" for place in range(count)]
    return robustq.InMemoryDataset(items, labels={1: "ball"}, spacing=spacing, ids=names)


def test_the_cases_with_the_lowest_scores_are_kept_the_worst_first(tmp_path: Path) -> None:
    run = robustq.stress(
        {"a": network(), "b": network(quantise="8x4")},
        balls(8, 24, 24),
        noise=["gaussian", "blur"],
        levels=[0, 30],
        draws=2,
        split="all",
        out=tmp_path / "run",
        images=True,
    )
    frame = run.to_frame()
    scores = frame[(frame["metric"] == "dice") & (frame["level"] == 30)]
    lowest = scores.groupby(["case", "perturbation"])["value"].mean().groupby("case").min().sort_values(kind="stable")

    pictures = read_gallery(run)
    assert [picture.case for picture in pictures] == list(lowest.index[:6])
    for picture in pictures:
        assert list(picture.marks) == ["a", "b"]
        assert picture.clean.shape == picture.truth.shape == picture.marks["a"][1].shape
        assert max(picture.clean.shape) <= 192
    assert next(picture.case for picture in read_gallery(run, case_names=False)) == "case 1"


def test_the_dice_of_the_marks_is_the_score_that_stands_beside_them(tmp_path: Path) -> None:
    data = balls(2, 24, 24)
    run = robustq.stress({"a": network()}, data, levels=[0, 30], draws=2, split="all", out=tmp_path, images=True)

    for picture in read_gallery(run):
        for marks, score in zip(picture.marks["a"], picture.scores["a"], strict=True):
            count = {mark: int((marks == mark).sum()) for mark in (AGREES, MISSED, INVENTED, CONFUSED)}
            agrees = count[AGREES]
            dice = 2 * agrees / (2 * agrees + count[MISSED] + count[INVENTED])
            assert count[CONFUSED] == 0  # there is one label
            assert score == f"dice {dice:.2f}"


def test_of_a_volume_at_most_nine_slices_are_kept_that_hold_truth(tmp_path: Path) -> None:
    run = robustq.stress(
        {"a": network(dims=3)}, balls(3, 8, 8, 12), levels=[0, 30], draws=1, split="all", out=tmp_path, images=True
    )

    for picture in read_gallery(run):
        assert 1 <= picture.slices <= 9
        assert all((truth == AGREES).any() for truth in picture.truth)
        assert picture.clean.shape[1:] == (8, 8)  # cut along the coarsest axis, the last
    assert "data-slices" in write_page([tmp_path]).read_text()


def test_under_an_attack_each_model_has_an_image_of_its_own(tmp_path: Path) -> None:
    models = {"a": network(), "b": network(quantise="8x4")}
    run = robustq.stress(
        models, balls(1, 24, 24), attack=["fgsm"], levels=[0, 30], split="all", out=tmp_path, images=True
    )

    (picture,) = read_gallery(run)
    assert not np.array_equal(picture.perturbed["a"], picture.perturbed["b"])
    assert "perturbed image, as b was shown it" in [name for name, _, _ in picture.views(0)]


def test_a_page_without_images_or_names_has_neither(tmp_path: Path) -> None:
    data = balls(2, 24, 24)
    run = robustq.stress({"a": network()}, data, levels=[0, 30], draws=1, split="all", out=tmp_path, images=True)
    case = read_gallery(run)[0].case

    whole = write_page([tmp_path]).read_text()
    assert case in whole
    assert "data:image/png" in whole
    bare = write_page(tmp_path, images=False, case_names=False).read_text()
    assert case not in bare
    assert "data:image/png" not in bare
    assert "holds no image and no name" in bare


def test_a_page_or_a_gallery_that_fails_costs_no_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: object, **options: object) -> None:
        raise RuntimeError("the disk is full")

    robustq.wrap("unet", quantise="none", classes=4, width=4, scales=2, groups=2).save(tmp_path / "m.safetensors")
    monkeypatch.setattr("robustq.run.stress.keep_gallery", fail)
    monkeypatch.setattr("robustq.results.page.render", fail)
    words = ["stress", str(tmp_path / "m.safetensors"), "--data", "phantom:domain=A,cases=1", "--levels", "10"]
    result = CliRunner().invoke(app, [*words, "--draws", "1", "--out", str(tmp_path / "run")], catch_exceptions=False)

    assert result.exit_code == 0
    assert result.stderr.count("(the disk is full); the rows are whole") == 2
    assert len(robustq.Run(tmp_path / "run").to_frame())
