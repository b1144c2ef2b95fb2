"""Masks, windows and spacings that change between two runs of the same images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Picture
from torch import nn

import robustq
from robustq.data.case_digest import case_digest
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.results.directory import RunDirectory

TRUTH = np.zeros((24, 20), np.uint8)
TRUTH[4:12, 5:15] = 1
CORRECTED = np.roll(TRUTH, 2, 0)
ASKED: dict[str, Any] = {"levels": [0, 20], "draws": 1, "preparation": robustq.Preparation()}


class Bright(nn.Module):
    """Answers label 1 where the image is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.body.weight)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        bright = self.body(images) - 0.5
        return torch.cat([-bright, bright], 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two cases, and a mask that is the bright part of the image."""
    for name in ("images", "masks"):
        (tmp_path / "d" / name).mkdir(parents=True)
    for case in ("a", "b"):
        Picture.fromarray(TRUTH * 200).save(tmp_path / "d" / "images" / f"{case}.png")
        Picture.fromarray(TRUTH).save(tmp_path / "d" / "masks" / f"{case}.png")
    return tmp_path / "d"


def correct(folder: Path) -> None:
    Picture.fromarray(CORRECTED).save(folder / "masks" / "b.png")


def stress(data: str | Path, out: Path) -> robustq.Run:
    return robustq.stress({"m": Bright()}, str(data), out=out, **ASKED)


def test_a_corrected_mask_does_not_get_the_figures_of_the_old_one(folder: Path, tmp_path: Path) -> None:
    stress(folder, tmp_path / "run")
    stress(folder, tmp_path / "run")  # the same cases: nothing to say
    correct(folder)
    with pytest.raises(RequestError, match="differs in the mask, intensity range or spacing of case b"):
        stress(folder, tmp_path / "run")
    rows = stress(folder, tmp_path / "new").to_frame()
    dice = rows[(rows["case"] == "b") & (rows["level"] == 0)]["value"].item()
    assert dice == pytest.approx(2 * (TRUTH & CORRECTED).sum() / (TRUTH.sum() + CORRECTED.sum()))


def test_another_window_is_another_run_because_levels_refer_to_it(folder: Path, tmp_path: Path) -> None:
    stress(f"folder:{folder},window=0..200", tmp_path / "run")
    with pytest.raises(RequestError, match="case a and 1 more"):
        stress(f"folder:{folder},window=0..300", tmp_path / "run")


def test_runs_that_were_scored_against_different_masks_are_not_compared(folder: Path, tmp_path: Path) -> None:
    first = stress(folder, tmp_path / "first")
    correct(folder)
    second = robustq.stress({"other": Bright()}, str(folder), out=tmp_path / "second", **ASKED)
    with pytest.raises(RequestError, match="differ in the mask, intensity range or spacing of case b"):
        robustq.compare([first, second], "m")


def test_a_run_of_an_earlier_version_without_digests_is_continued(folder: Path, tmp_path: Path) -> None:
    stress(folder, tmp_path / "run")
    directory = RunDirectory(tmp_path / "run")
    document = directory.read()
    del document["case_digests"]
    directory._write("run.json", document)
    correct(folder)
    assert stress(folder, tmp_path / "run").models == ["m"]


def test_a_digest_depends_on_mask_range_and_spacing_and_not_on_the_image(folder: Path) -> None:
    entry = open_dataset(str(folder)).entries[1]
    digest = case_digest(open_dataset(str(folder)).read(entry))
    Picture.fromarray(TRUTH * 100).save(folder / "images" / "b.png")
    assert case_digest(open_dataset(str(folder)).read(entry)) == digest
    assert case_digest(open_dataset(f"folder:{folder},window=0..200").read(entry)) != digest
    correct(folder)
    assert case_digest(open_dataset(str(folder)).read(entry)) != digest


def test_an_image_of_one_value_is_named_because_its_levels_are_empty() -> None:
    mask = torch.from_numpy(TRUTH.astype(np.int64))
    pairs = [(torch.full((1, *TRUTH.shape), 0.7), mask), (mask[None].float(), mask)]
    run = robustq.stress({"m": Bright()}, pairs, levels=[30], draws=2)
    (remark,) = run.data_remarks
    assert "one value everywhere" in remark
    assert remark.endswith(": 1 (0000)")
    answers = run.to_frame().query("case == '0000'")["value"]
    assert answers.nunique() == 1, "no draw changes it"
