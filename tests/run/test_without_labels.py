"""`stress --without-labels`: answers are compared with the model's own clean answers."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from PIL import Image as Picture
from torch import Tensor, nn

import robustq
from commands import robustq as command
from networks import small
from robustq import registry
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.perturbation import AbstractPerturbation
from robustq.results.results_shown import shown
from robustq.shapes import Image, IntensityRange, Masks

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))
SIZE = 24


class Threshold(nn.Module):
    """Finds the pixels that are brighter than half of the range."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([0.5 - images, images - 0.5], 1) * self.scale


class Constant(Threshold):
    """Answers the same square, whatever it sees."""

    def forward(self, images: Tensor) -> Tensor:
        square = torch.zeros_like(images)
        square[:, :, 4:9, 4:9] = 1
        return torch.cat([0.5 - square, square - 0.5], 1) * self.scale


@dataclass(frozen=True)
class Shift(AbstractPerturbation):
    """At level L, the image moves L pixels to the right."""

    moves: bool = True

    @property
    def moves_truth(self) -> bool:
        return self.moves

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        return image.roll(int(level), dims=-1)

    def move(self, mask: Masks, level: float, generator: torch.Generator) -> Masks:
        return mask.roll(int(level), dims=-1)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float] | str]:
        return {"pixels": level}


@pytest.fixture
def shifts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registers `blur`, which moves the image alone, and `affine`, which moves the truth too, as shifts."""
    load = registry.load
    given = {"affine": Shift, "blur": lambda: Shift(moves=False)}
    monkeypatch.setattr(
        registry,
        "load",
        lambda kind, name, **rest: (
            given[name] if kind == "perturbations" and name in given else load(kind, name, **rest)
        ),
    )


def images(number: int = 3) -> list[Tensor]:
    """Bright rectangles of different sizes on a dark ground, (C, *S)."""
    made = []
    for place in range(number):
        image = torch.full((1, SIZE, SIZE), 0.1)
        image[:, 5 : 9 + place, 6 : 10 + 2 * place] = 0.9
        made.append(image)
    return made


def masks(number: int = 3) -> list[Tensor]:
    """Masks that are a little larger than the rectangles."""
    return [torch.nn.functional.max_pool2d(image[None], 3, 1, 1)[0, 0] > 0.5 for image in images(number)]


def model(quantise: str = "16x4") -> robustq.Segmenter:
    preparation = robustq.Preparation(dims=2, size=(24, 20), labels=LABELS)
    return small(quantise, dims=2, classes=4, preparation=preparation)


def stressed(models: Any, data: Any = None, **asked: Any) -> robustq.Run:
    defaults = {"levels": [3, 5], "draws": 2, "without_labels": True, "batch_size": 4}
    return robustq.stress(models, images() if data is None else data, **(defaults | asked))


def values(run: robustq.Run, metric: str) -> pd.DataFrame:
    frame = run.to_frame()
    return frame[frame["metric"] == metric]


@pytest.mark.usefixtures("shifts")
def test_a_structure_that_moves_by_whole_voxels_keeps_its_volume_and_agrees_where_the_truth_moves_too() -> None:
    run = stressed({"threshold": Threshold()}, noise=["affine", "blur"], metrics="dice,hd95")
    assert (values(run, "volume_change")["value"] == 0).all()
    assert (run.agreement.changes.query("metric == 'volume_cv'")["mean"] == 0).all()
    dice, distance = values(run, "agreement_dice"), values(run, "agreement_hd95")
    assert (dice[dice["perturbation"] == "affine"]["value"] == 1).all()
    assert (distance[distance["perturbation"] == "affine"]["value"] == 0).all()
    moved = dice[(dice["perturbation"] == "blur") & (dice["level"] == 3) & (dice["case"] == "0000")]
    assert moved["value"].tolist() == pytest.approx([1 / 4] * 2)  # a square of 4 x 4 that moved by 3


def test_a_model_whose_answer_never_changes_agrees_with_itself_and_is_called_dead() -> None:
    run = stressed({"constant": Constant(), "threshold": Threshold()}, noise=["gaussian"], levels=[40])
    dice = values(run, "agreement_dice")
    assert (dice[dice["model"] == "constant"]["value"] == 1).all()
    assert dice[(dice["model"] == "threshold") & (dice["level"] == 40)]["value"].max() < 1
    first, second, _ = run.heads
    assert first == "constant: DEAD: its answers to the 3 unperturbed cases are all equal"
    assert second.startswith("threshold: its answers to different images differ")
    assert list(run.grids()[0].heads) == run.heads


def test_the_bottleneck_of_a_segmenter_is_tested_as_analyse_tests_it() -> None:
    models, data = {"vq": model(), "plain": model("none")}, "phantom:cases=2,domain=A"
    run = stressed(models, data, levels=[10])
    analysis = robustq.analyse(models, data, check="liveness")
    for head, verdict in zip(run.heads[:2], analysis.verdicts(), strict=True):
        assert verdict.partition(": ")[2].startswith(head.partition(": ")[2])


def test_volume_change_is_that_of_the_answers_in_percent() -> None:
    run = stressed({"threshold": Threshold()}, noise=["gaussian"], levels=[30], draws=3)
    rows = values(run, "volume_change").query("level == 30 and case == '0001'")
    case = robustq.InMemoryDataset(images())
    image = case.read(case.entries[1]).image
    clean = int((image > 0.5).sum())
    expected = []
    for draw in range(3):
        noisy = robustq.perturb(image[None], "gaussian", level=30, draw=draw, keys=["0001"])
        expected.append(100 * (int((noisy > 0.5).sum()) - clean) / clean)
    assert rows["value"].tolist() == pytest.approx(expected)
    assert set(rows["unit"]) == {"%"}
    volumes = 1 + np.array(expected) / 100
    summary = run.agreement.changes.set_index(["metric", "level"])
    every = values(run, "volume_change").query("level == 30").groupby("case")["value"]
    assert summary.loc[("volume_change", 30), "mean"] == pytest.approx(every.mean().mean())
    assert every.apply(lambda of_case: (1 + of_case / 100).std(ddof=1) / (1 + of_case / 100).mean())["0001"] == (
        pytest.approx(volumes.std(ddof=1) / volumes.mean())
    )
    assert summary.loc[("volume_cv", 30), "mean"] == pytest.approx(
        every.apply(lambda of_case: (1 + of_case / 100).std(ddof=1) / (1 + of_case / 100).mean()).mean()
    )


def test_a_label_that_the_clean_answer_lacks_has_no_figure_and_is_counted_where_it_appears() -> None:
    dark = [torch.full((1, SIZE, SIZE), 0.1), *images(2)]
    dark[0][0, 0, 0] = 0.49  # noise lifts some values above one half, none of which is there without it
    run = stressed({"threshold": Threshold()}, dark, noise=["brightness"], levels=[100], draws=4)
    first = run.to_frame().query("case == '0000' and level == 100")
    assert first[first["metric"].isin(["agreement_dice", "volume_change"])]["value"].isna().all()
    appeared = first[first["metric"] == "appeared"]["value"]
    assert len(appeared) == 4
    counted = run.agreement.changes.query("metric == 'volume_change' and level == 100").iloc[0]
    assert (counted["appeared"], counted["without_reference"]) == (appeared.sum(), 4)


def test_figures_are_the_same_whether_masks_are_there_or_not() -> None:
    asked: dict[str, Any] = {"noise": ["gaussian", "affine"], "levels": [20], "metrics": "dice,hd95,nsd@2px"}
    pairs = list(zip(images(4), masks(4), strict=True))
    alone = stressed({"threshold": Threshold()}, images(4), **asked)
    masked = stressed({"threshold": Threshold()}, pairs, **asked)
    with_truth = masked.to_frame()
    own = with_truth[with_truth["metric"] != "dice"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, alone.to_frame())
    assert [grid.title for grid in alone.grids()] == [grid.title for grid in masked.grids()[:-1]]
    plain = robustq.stress({"threshold": Threshold()}, pairs, batch_size=4, draws=2, noise=["gaussian"], levels=[20])
    pd.testing.assert_frame_equal(
        with_truth.query("metric == 'dice' and perturbation == 'gaussian'").reset_index(drop=True),
        plain.to_frame().query("metric == 'dice'").reset_index(drop=True),
    )


def test_the_rank_correlation_is_scipys_over_the_means_of_cases() -> None:
    pairs = list(zip(images(5), masks(5), strict=True))
    run = stressed({"threshold": Threshold()}, pairs, noise=["gaussian"], levels=[30])
    frame = run.to_frame()
    means = frame.groupby(["metric", "level", "case"])["value"].mean()
    lost = means["dice"][0.0] - means["dice"][30.0]
    expected = scipy.stats.spearmanr(means["agreement_dice"][30.0], lost).statistic
    (found,) = run.agreement.correlations["agreement_dice"]
    assert (found.cases, found.correlation) == (5, pytest.approx(expected))
    assert "Does agreement tell the loss of Dice" in run.grids()[-1].title


@pytest.mark.parametrize(
    "data",
    [
        torch.stack(images()),
        np.stack([image.numpy() for image in images()]),
        [image[0].numpy() for image in images()],
        torch.utils.data.TensorDataset(torch.stack(images())),
        [{"image": image} for image in images()],
        [(image, None) for image in images()],
    ],
    ids=["tensor", "array", "arrays of two axes", "dataset", "mappings", "pairs without mask"],
)
def test_images_alone_in_memory_give_the_same_rows(data: Any) -> None:
    pd.testing.assert_frame_equal(
        stressed({"threshold": Threshold()}, data).to_frame(), stressed({"threshold": Threshold()}).to_frame()
    )


def test_a_killed_run_goes_on_and_ends_with_the_same_rows(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"noise": ["gaussian", "elastic"], "levels": [10], "batch_size": 1}
    data = "phantom:cases=2,domain=A"
    whole = stressed({"m": model()}, data, out=tmp_path / "whole", **asked)

    def die(progress: Any) -> None:
        if progress.done > 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stressed({"m": model()}, data, out=tmp_path / "killed", on_progress=die, **asked)
    resumed = stressed({"m": model()}, data, out=tmp_path / "killed", **asked)
    pd.testing.assert_frame_equal(whole.to_frame(), resumed.to_frame())
    with pytest.raises(RequestError, match="holds another run"):
        stressed({"m": model()}, data, out=tmp_path / "killed", **asked, without_labels=False)


def test_draws_auto_takes_the_number_that_agreement_needs() -> None:
    run = stressed({"threshold": Threshold()}, draws="auto", max_draws=6)
    assert set(run.level_draws.numbers["gaussian"].values()) <= {4, 5, 6}


def test_what_needs_the_truth_is_refused(tmp_path: Path) -> None:
    for asked, words in (
        ({"metrics": "ece"}, "ece needs the truth"),
        ({"attack": ["pgd"]}, "pgd needs the truth"),
        ({"metrics": "agreement_dice", "without_labels": False}, "measured by runs without labels"),
    ):
        with pytest.raises(RequestError, match=words):
            stressed({"threshold": Threshold()}, **asked)
    run = stressed({"a": Threshold(), "b": Threshold()}, out=tmp_path / "run")
    for use in (robustq.ranking, robustq.card):
        with pytest.raises(RequestError, match="is a run without labels"):
            use(run)
    labelled = robustq.stress(
        {"c": Threshold()}, list(zip(images(), masks(), strict=True)), levels=[3, 5], draws=2, batch_size=4
    )
    with pytest.raises(RequestError, match="differ in without_labels"):
        robustq.compare([run, labelled], "a")


def test_show_compare_and_report_say_that_no_truth_was_used(tmp_path: Path) -> None:
    out = tmp_path / "run"
    stressed({"a": Threshold(), "constant": Constant()}, noise=["gaussian"], out=out)
    for what in ("stress", "compare"):
        text = "\n".join(grid.to_text() for grid in shown(out, what, "a").grids())
        assert "constant: DEAD" in text
        assert "No truth is used" in text
        assert "agreement_dice" in text
    document = shown(out).document()
    assert document["liveness"][1].startswith("constant: DEAD")
    assert {entry["metric"] for entry in document["volume_changes"]} == {
        "volume_change",
        "absolute_volume_change",
        "volume_cv",
    }
    assert "volume_change" in set(shown(out).frame()["metric"])
    assert "No truth is used" in robustq.write_page(out).read_text()


def test_a_folder_without_masks_is_refused_with_the_way_to_use_it(tmp_path: Path) -> None:
    (tmp_path / "data" / "images").mkdir(parents=True)
    for number, image in enumerate(images()):
        pixels = (255 * image[0]).to(torch.uint8).numpy()
        Picture.fromarray(pixels).save(tmp_path / "data" / "images" / f"{number}.png")
    bundle = robustq.wrap("unet", "8x4", dims=2, classes=2, width=4, scales=2, groups=2)
    bundle.save(tmp_path / "m.safetensors")
    asked = ("stress", "m.safetensors", "--data", "data", "--levels", "20", "--draws", "2", "--out", "run")
    refused = command(*asked, cwd=tmp_path)
    assert refused.returncode == 2
    assert "no folder masks/" in refused.stderr
    assert "--without-labels" in refused.stderr
    done = command(*asked, "--without-labels", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "No truth is used" in done.stdout.replace("\n", " ")
    assert "Change in volume on data" in done.stdout
    assert json.loads((tmp_path / "run" / "run.json").read_text())["asked"]["metrics"] == ["agreement_dice"]
    assert "Change in volume" in (tmp_path / "run" / "report.html").read_text()


def test_a_folder_with_masks_of_other_names_still_drops_no_truth_unseen(tmp_path: Path) -> None:
    for folder, name in (("images", "a"), ("masks", "b")):
        (tmp_path / folder).mkdir()
        Picture.fromarray(np.eye(SIZE, dtype=np.uint8)).save(tmp_path / folder / f"{name}.png")
    with pytest.raises(RequestError, match="no mask of the same name"):
        open_dataset(str(tmp_path))
    dataset = open_dataset(str(tmp_path), unmasked=True)
    (entry,) = dataset.entries
    assert dataset.read(entry).mask is None
    assert any("without an image" in remark for remark in dataset.remarks)


def test_tables_and_folders_of_nnunet_may_lack_masks(tmp_path: Path) -> None:
    (tmp_path / "nnunet" / "imagesTs").mkdir(parents=True)
    for name in ("case_1_0000", "case_1_0001", "case_2_0000", "case_2_0001"):
        Picture.fromarray(np.eye(SIZE, dtype=np.uint8)).save(tmp_path / "nnunet" / "imagesTs" / f"{name}.png")
    (tmp_path / "nnunet" / "dataset.json").write_text('{"labels": {"background": 0, "lung": 1}}')
    with pytest.raises(RequestError, match="--without-labels"):
        open_dataset(str(tmp_path / "nnunet"))
    dataset = open_dataset(str(tmp_path / "nnunet"), unmasked=True)
    assert [entry.id for entry in dataset.entries] == ["case_1", "case_2"]
    assert dataset.read(dataset.entries[0]).image.shape == (2, SIZE, SIZE)
    table = tmp_path / "cases.csv"
    table.write_text("image,group\nnnunet/imagesTs/case_1_0000.png,p1\n")
    with pytest.raises(RequestError, match="--without-labels"):
        open_dataset(str(table))
    listed = open_dataset(str(table), unmasked=True)
    assert listed.read(listed.entries[0]).mask is None
