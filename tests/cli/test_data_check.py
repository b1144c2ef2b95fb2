"""robustq data check says what a folder holds, and what is odd about it."""

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from robustq_cli.main import app


def write(root: Path, name: str, mask: np.ndarray, affine: np.ndarray, mask_affine: np.ndarray | None = None) -> None:
    for folder, array, where in (
        ("images", np.arange(mask.size).reshape(mask.shape).astype(np.int16), affine),
        ("masks", mask, affine if mask_affine is None else mask_affine),
    ):
        (root / folder).mkdir(exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(array, where), root / folder / f"{name}.nii.gz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two good cases that differ in all that may differ, an empty mask, a repeated image, and a case of two grids."""
    mask = np.zeros((6, 5, 4), np.uint8)
    mask[1:3, 1:3, 1:3] = 1
    mask[4, 4, :] = 4
    root = tmp_path / "clinic"
    root.mkdir()
    write(root, "a", mask, np.diag([0.7, 0.8, 2.5, 1]))
    write(root, "b", mask[:, :4], np.diag([-1.5, -1.5, 3, 1]), np.eye(4))
    write(root, "c", np.zeros_like(mask), np.diag([0.7, 0.8, 2.5, 1]))
    write(root, "d", mask, np.diag([0.7, 0.8, 2.5, 1]), np.diag([2.0, 2, 2, 1]))
    return root


def check(*words: object) -> Any:
    return CliRunner().invoke(app, ["data", "check", *map(str, words)], env={"COLUMNS": "200"}, standalone_mode=False)


def test_a_folder_is_counted_and_its_oddities_are_named(folder: Path) -> None:
    result = check(folder, "--json")
    assert result.return_value == 3
    document = json.loads(result.stdout)
    assert (document["cases"], list(document["left_out"])) == (4, ["d"])
    assert document["shapes"] == {"6 × 5 × 4": 2, "6 × 4 × 4": 1}
    assert document["spacings"] == {"0.7 × 0.8 × 2.5 mm": 2, "1.5 × 1.5 × 3 mm": 1}
    assert document["orientations"] == {"RAS": 2, "LPS": 1}
    assert document["intensities"] == [[0, 119]]
    assert document["labels"] == {
        "1": {"name": "", "cases": 2, "voxels": 16},
        "4": {"name": "", "cases": 1, "voxels": 4},
    }
    odd = "\n".join(document["odd"])
    for words in (
        "spacings differ (2 of them)",
        "2 orientations (LPS, RAS)",
        "gaps (2, 3 do not occur)",
        "1 masks are empty: c",
        "the same image stands in several cases: a, c",
        "states no orientation: 1 (b)",
    ):
        assert words in odd


def test_one_voxel_far_from_all_others_is_odd_and_a_declared_window_mends_it(tmp_path: Path) -> None:
    write(tmp_path, "even", np.zeros((30, 20, 10), np.uint8), np.eye(4))
    write(tmp_path, "far", np.zeros((30, 20, 10), np.uint8), np.eye(4))
    image = np.random.default_rng(0).normal(100, 20, (30, 20, 10)).astype(np.float32)
    image[3, 4, 5] = 1.7e6
    nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), tmp_path / "images" / "far.nii.gz")
    sentences = [
        sentence
        for data in (tmp_path, f"folder:{tmp_path},window=0..200")
        for sentence in json.loads(check(data, "--json").stdout)["odd"]
        if "far from all others" in sentence
    ]
    assert len(sentences) == 1
    assert "1 cases have values far" in sentences[0]
    assert ": far; give" in sentences[0]


def test_the_lines_for_a_reader_say_the_same(folder: Path) -> None:
    result = check(folder)
    assert result.return_value == 3
    assert "3 of 4 can be used" in result.stdout
    assert "0.7 × 0.8 × 2.5 mm (2), 1.5 × 1.5 × 3 mm (1)" in result.stdout
    assert "left out d: the image has the shape 6×5×4 and the affine" in result.stderr


def test_a_dataset_without_oddities_ends_with_status_0() -> None:
    result = check("phantom:cases=2,dims=2", "--json")
    assert result.return_value == 0
    document = json.loads(result.stdout)
    assert document["odd"] == []
    assert set(document["domains"]) == {"A", "B"}
    assert {label["name"] for label in document["labels"].values()} == {"left lung", "right lung", "heart"}


def test_declared_labels_are_compared_with_the_masks(folder: Path) -> None:
    (folder / "masks" / "d.nii.gz").unlink()
    (folder / "images" / "d.nii.gz").unlink()
    document = json.loads(check(f"folder:{folder},labels=1=lung|7=rib", "--json").stdout)
    assert "declared labels are in no mask: 7 (rib)" in document["odd"]
    assert "mask values are not declared as labels: 4" in document["odd"]


def test_data_that_is_not_there_is_refused_before_anything_is_read() -> None:
    assert "is not a file or folder" in str(check("nowhere").exception)
