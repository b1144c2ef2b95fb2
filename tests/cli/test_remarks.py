"""What a dataset says about its files reaches the user of each command, once."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

import robustq
from robustq_cli.main import app

SENTENCE = "cases matched by the order of their arrays"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    generator = np.random.default_rng(0)
    for number in range(5):
        image = generator.integers(0, 200, (16, 16, 1)).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(image, np.diag([-2, -2, 3, 1])), tmp_path / "images" / f"{number}.nii.gz")
        mask = (image > 100).astype(np.uint8)
        nibabel.save(nibabel.Nifti1Image(mask, np.eye(4)), tmp_path / "masks" / f"{number}.nii.gz")
    return tmp_path


def said(*words: object) -> int:
    """How often the sentence is printed."""
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    return result.stderr.count(SENTENCE)


def test_every_command_that_reads_cases_says_once_which_were_matched_by_array_order(data: Path, tmp_path: Path) -> None:
    model, trained = tmp_path / "m.safetensors", tmp_path / "t.safetensors"
    robustq.wrap("unet", quantise="8x4", classes=2, width=4, scales=2, groups=2).save(model)
    assert said("train", model, "--data", data, "--epochs", 2, "--device", "cpu", "--out", trained) == 1
    noise = ("--data", data, "--noise", "gaussian", "--draws", 2, "--device", "cpu", "--split", "all")
    assert said("stress", trained, *noise, "--levels", "10", "--out", tmp_path / "s") == 1
    assert said("analyse", trained, *noise, "--levels", "10", "--check", "liveness", "--out", tmp_path / "a") == 1
    assert said("minimal", trained, *noise, "--resolution", 10, "--out", tmp_path / "m") == 1
    (remark,) = robustq.Run(tmp_path / "s").data_remarks
    assert remark.endswith(": 5 (0, 1, 2, 3, 4)")
