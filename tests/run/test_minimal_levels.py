"""The smallest level that is too much, found where it is known by construction."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from torch import Tensor, nn

import robustq
from robustq.dataset import AbstractDataset, Case, Entry
from robustq.draws.by_name import load_perturbations
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.errors import CaseError, RequestError
from robustq.model.segmenter import Segmenter
from robustq.model.spec import adopt_labels
from robustq.perturbation import AbstractPerturbation
from robustq.results.minimal_levels import MinimalLevel, MinimalLevels, _described, _interval, _spread
from robustq.results.stress_run import Run
from robustq.run.demonstration import demonstration_pair
from robustq.run.minimal_level import bisect, minimal_level
from robustq.run.progress import Progress
from robustq.shapes import Image, IntensityRange
from robustq_cli.minimal import minimal as minimal_command


class Bright(nn.Module):
    """Label 1 where a value is above 1/2."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 2, 1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([0.0, 1.0]).view(2, 1, 1, 1))
            self.layer.bias.copy_(torch.tensor([0.0, -0.5]))

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images)


@dataclass(frozen=True)
class Darker(AbstractPerturbation):
    """Takes the level off every value."""

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        return image - level / 100

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        return {"amount": level / 100}


def model() -> Segmenter:
    return robustq.wrap(Bright(), "none", at="layer", example=torch.zeros(1, 1, 8, 8)).eval()


def case(bright: float = 0.8) -> Case:
    """Ten bright columns, which are the label, and ten black ones."""
    mask = torch.zeros(1, 8, 20, dtype=torch.bool)
    mask[..., 10:] = True
    span = torch.tensor([[0.0, 1.0]]).double()
    return Case(bright * mask.float(), mask, span, (1.0, 1.0), "px", Entry("case", "case"), ("label",))


@given(place=st.floats(0.2, 99.8), resolution=st.floats(0.01, 5))
def test_bisection_encloses_a_step_as_closely_as_asked(place: float, resolution: float) -> None:
    found = bisect(lambda level: 0.9 if level < place else 0.1, 0.5, resolution)
    assert found.above < place <= found.level
    assert found.level - found.above <= resolution
    assert (found.clean, found.dice, found.censored) == (0.9, 0.1, False)


def test_of_several_crossings_the_first_that_a_step_meets_is_found() -> None:
    # Below 0.5 between 25 and 45, and above it again: as JPEG-like compression does to some cases.
    found = bisect(lambda level: 0.1 if 25 < level < 45 else 0.9, 0.5, 0.01)
    assert found.above <= 25 < found.level
    assert not found.censored
    missed = bisect(lambda level: 0.1 if 41 < level < 49 else 0.9, 0.5, 0.01)
    assert (missed.level, missed.censored) == (100, True)


def test_the_level_at_which_a_model_gives_way_is_the_one_known_by_construction() -> None:
    found = minimal_level(model(), case(0.8), Darker(), resolution=0.01, draws=1)
    assert found.level == pytest.approx(30, abs=0.011)  # 0.8 - 0.3 is no longer above 1/2
    assert found.clean == 1
    assert found.dice == 0


def test_an_attack_on_a_linear_model_turns_a_voxel_at_its_distance_to_the_threshold() -> None:
    found = minimal_level(model(), case(0.8), "fgsm", resolution=0.01)
    assert found.level == pytest.approx(30, abs=0.011)


def test_of_noise_the_mean_over_draws_falls_below_the_threshold() -> None:
    segmenter, shown = model(), case(0.8)
    found = minimal_level(segmenter, shown, "gaussian", threshold=0.9, resolution=0.5, draws=4, seed=3)
    perturber = Perturber(load_perturbations(["gaussian"]), DrawSettings(3))

    def mean(level: float) -> float:
        answers = [perturber(shown, "gaussian", level, draw).image > 0.5 for draw in range(4)]
        return sum(robustq.metrics.dice(answer[0], shown.mask[0]) for answer in answers) / 4

    assert mean(found.level) < 0.9 <= mean(found.above)
    assert found.dice == pytest.approx(mean(found.level))


@pytest.mark.parametrize(("batch_size", "passed"), [(None, {1}), (3, {3, 1})])
def test_so_many_draws_are_passed_together_as_the_batch_size_says(batch_size: int | None, passed: set[int]) -> None:
    segmenter, sizes = model(), set()
    segmenter.network.register_forward_hook(lambda _, images, output: sizes.add(len(images[0])))
    settings = {"threshold": 0.9, "resolution": 0.5, "draws": 4, "seed": 3}
    found = minimal_level(segmenter, case(0.8), "gaussian", batch_size=batch_size, **settings)
    assert sizes == passed
    assert found == minimal_level(model(), case(0.8), "gaussian", **settings)


def test_what_never_falls_below_is_censored_at_100() -> None:
    always = replace(case(5.0), image=case(5.0).image)
    assert minimal_level(model(), always, Darker(), draws=1) == MinimalLevel(100, 100, True, 1, 1)


def test_what_is_below_from_the_start_has_level_0() -> None:
    assert minimal_level(model(), case(0.3), Darker(), draws=1) == MinimalLevel(0, None, False, 0, 0)


def test_ignored_voxels_do_not_count() -> None:
    ignored = torch.zeros(8, 20, dtype=torch.bool)
    ignored[:, :5] = True
    shown = replace(case(0.8), image=torch.where(ignored, 1.0, case(0.8).image), ignored=ignored)
    assert minimal_level(model(), shown, Darker(), draws=1).clean == 1


def test_the_model_trains_on_where_it_was_training() -> None:
    trained = model().train()
    minimal_level(trained, case(), "gaussian", draws=1, resolution=50)
    assert all(module.training for module in trained.modules())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"threshold": 0}, "a threshold of 0 was asked: give a Dice above 0"),
        ({"resolution": 0}, "a resolution of 0 was asked: give percent from 0.001"),
        ({"resolution": 1e-15}, "a resolution of 1e-15 was asked: give percent from 0.001"),
        ({"draws": 0}, "draws=0 was asked: give 1 or more"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        minimal_level(model(), case(), Darker(), **settings)


def test_a_case_whose_truth_shows_no_label_is_refused() -> None:
    empty = replace(case(), mask=torch.zeros(1, 8, 20, dtype=torch.bool))
    with pytest.raises(CaseError, match="shows no label, so that there is no Dice"):
        minimal_level(model(), empty, Darker())


def corner() -> Case:
    """Three bright voxels by three near a corner, which are the label."""
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[..., 2:5, 2:5] = True
    return replace(case(), image=mask.float(), mask=mask)


def moved(level: float, draw: int, seed: int = 0) -> Case:
    """It, under `affine`."""
    return Perturber(load_perturbations(["affine"]), DrawSettings(seed))(corner(), "affine", level, draw)


def test_a_draw_that_moves_the_label_out_of_the_image_is_left_out_and_counted() -> None:
    found = minimal_level(model(), corner(), "affine", threshold=0.01, draws=10)
    draws = [moved(found.level, draw) for draw in range(10)]
    scores = [robustq.metrics.dice(draw.image[0] > 0.5, draw.mask[0]) for draw in draws if draw.mask.any()]
    assert 0 < len(scores) < 10
    assert found.absent == 10 - len(scores)
    assert found.dice == pytest.approx(sum(scores) / len(scores))


def test_where_every_draw_moves_the_label_out_there_is_no_level() -> None:
    gone = next(seed for seed in range(300) if not moved(100, 0, seed).mask.any() and moved(90, 0, seed).mask.any())
    with pytest.raises(CaseError, match="at 100 % every draw of affine moves all labels out of the image"):
        minimal_level(model(), corner(), "affine", threshold=0.01, draws=1, seed=gone)


def searched(out: Path | None = None, **settings: object) -> MinimalLevels:
    asked = {"threshold": 0.5, "resolution": 5.0, "split": "all", **settings}
    return robustq.minimal_levels(None, "phantom:cases=2,domain=A", "fgsm", out=out, **asked)


def test_a_table_has_a_line_for_every_model_and_says_what_it_takes_for_granted() -> None:
    found = searched()
    grid = found.grid()
    ((_, lines),) = grid.sections
    assert [line[0] for line in lines] == ["unet", "vq-unet"]
    assert any(
        "a dip of mean Dice between two steps. Mean Dice is taken over 1 draw per level." in note for note in grid.notes
    )
    assert any(
        "robustq stress --attack looks for such masked gradients, this search does not" in note for note in grid.notes
    )
    assert any("figures on these cases are better than" in note for note in grid.notes)
    frame = found.to_frame()
    assert len(frame) == 4
    assert ((frame["level"] - frame["above"].astype(float)).fillna(0) <= 5).all()


def test_the_levels_of_a_dataset_are_those_of_its_cases() -> None:
    frame = searched().to_frame()
    pair = {name: robustq.load(path) for name, path in demonstration_pair().items()}
    data = robustq.open_dataset("phantom:cases=2,domain=A")
    for row in frame.itertuples():
        model = pair[row.model]
        spec = adopt_labels(model.spec, data)
        shown = spec.preparation(data.read(next(entry for entry in data.entries if entry.id == row.case)))
        alone = minimal_level(model, shown, "fgsm", resolution=5.0)
        assert (row.level, row.clean, row.dice) == (alone.level, alone.clean, alone.dice)


def test_a_figure_that_rests_on_a_censored_case_is_a_lower_bound() -> None:
    groups = pd.DataFrame({"level": [20.0, 40.0, 60.0, 100.0], "censored": [False, False, False, True]})
    assert _spread(groups) == "50.00 (35.00–≥ 70.00)"
    assert _spread(groups.assign(censored=False)) == "50.00 (35.00–70.00)"
    # The mean over a patient's cases is a bound too, if one of them is.
    assert _spread(groups.assign(censored=[True, False, False, True])) == "≥ 50.00 (≥ 35.00–≥ 70.00)"


def test_a_mean_over_censored_searches_is_marked() -> None:
    groups = pd.DataFrame({"level": [20.0, 40.0, 60.0, 100.0], "censored": [False, False, False, True]})
    found = _described(groups)
    assert (found["mean"], found["censored"], found["at_least"]) == (55.0, 1, ["mean", "q3"])
    assert np.isnan(found["sd"])
    free = _described(groups.assign(censored=False))
    assert (free["censored"], free["at_least"], free["sd"]) == (0, [], pytest.approx(groups["level"].std()))


def with_levels(levels: dict[str, dict[str, list[float]]]) -> MinimalLevels:
    """A search that found these levels, for each model and patient those of its cases; 101 is censored."""
    found = searched()
    found.to_frame = lambda: pd.DataFrame(
        {"model": model, "group": group, "level": min(level, 100.0), "censored": level > 100}
        for model, groups in levels.items()
        for group, of_cases in groups.items()
        for level in of_cases
    )
    return found


def test_a_patient_has_the_median_of_its_cases_a_censored_one_counted_as_infinite() -> None:
    found = with_levels({"unet": {"a": [10, 20, 101], "b": [10, 101], "c": [101, 101, 5], "d": [4, 6]}})
    assert found.by_group()[["group", "level", "censored"]].to_numpy().tolist() == [
        ["a", 20, False],
        ["b", 100, True],
        ["c", 100, True],
        ["d", 5, False],
    ]


def test_models_are_compared_pair_by_pair_on_the_same_patients() -> None:
    unet = {str(place): [level] for place, level in enumerate((10, 20, 30, 40, 50, 60, 101, 101))}
    vq = {str(place): [level] for place, level in enumerate((20, 30, 40, 50, 60, 70, 101, 90))}
    found = with_levels({"unet": unet, "vq-unet": vq})
    (pair,) = found.pairs().to_dict("records")
    assert (pair["model"], pair["other"]) == ("unet", "vq-unet")
    assert (pair["model_larger"], pair["other_larger"], pair["ties"]) == (1, 6, 1)
    assert pair["p"] == pair["p_holm"] == pytest.approx(binomtest(1, 7).pvalue)


def test_the_table_has_the_interval_of_the_median_from_six_patients_up() -> None:
    unet = {str(place): [level] for place, level in enumerate((10, 20, 30, 40, 50, 101))}
    vq = {str(place): [10.0] for place in range(6)}
    groups = with_levels({"unet": unet, "vq-unet": vq}).by_group()
    of_unet, of_vq = (groups[groups["model"] == model] for model in ("unet", "vq-unet"))
    assert _interval(of_unet) == "10.00 to > 100"
    assert _interval(of_vq) == "10.00 to 10.00"
    assert _interval(of_vq.head(5)) == "–"
    assert (_described(of_unet)["median_low"], _described(of_unet)["median_high"]) == (10, np.inf)


def test_a_search_of_several_models_prints_their_pairs() -> None:
    found = searched()
    levels, pairs = found.grids()
    assert levels.header == ["model", "level", "95 % interval", "at once", "never"]
    ((_, ((name, *_),)),) = pairs.sections
    assert name == "unet and vq-unet"
    assert found.summary()["pairs"][0]["ties"] in (0, 1, 2)


class Killed(BaseException):
    """What a process sees when it is told to stop."""


def test_a_killed_search_goes_on_and_ends_with_the_same_rows(tmp_path: Path) -> None:
    def die(progress: Progress) -> None:
        if progress.done:
            raise Killed

    with pytest.raises(Killed):
        searched(tmp_path / "killed", on_progress=die)
    told: list[Progress] = []
    resumed = searched(tmp_path / "killed", on_progress=told.append)
    assert told[-1] == Progress(done=2, total=2, resumed=1)
    pd.testing.assert_frame_equal(resumed.to_frame(), searched().to_frame())
    pd.testing.assert_frame_equal(MinimalLevels(tmp_path / "killed").to_frame(), resumed.to_frame())
    assert "batch_size" not in resumed.asked  # as earlier versions wrote it
    with pytest.raises(RequestError, match=r"holds another run \(it differs in threshold"):
        searched(tmp_path / "killed", threshold=0.4)


def test_a_search_shares_the_directory_of_a_stress_run(tmp_path: Path) -> None:
    run = robustq.stress(None, "phantom:cases=1,domain=B", levels=[10], draws=1, out=tmp_path)
    before = run.to_frame()
    robustq.minimal_levels(None, "phantom:cases=1,domain=B", "fgsm", resolution=50, out=tmp_path)
    pd.testing.assert_frame_equal(Run(tmp_path).to_frame(), before)
    together = pd.read_parquet(tmp_path / "results.parquet")
    assert len(together) == len(before) + 2
    assert set(together["metric"]) - set(before["metric"]) == {"minimal_level"}


def test_what_a_search_wrote_is_not_taken_for_a_stress_run(tmp_path: Path) -> None:
    searched(tmp_path)
    with pytest.raises(
        RequestError, match=r"has no run.json \(robustq minimal wrote here\); create one with robustq stress --out"
    ):
        Run(tmp_path)


class EmptyOnes(AbstractDataset):
    """A case with a label, and one without."""

    name = "empty-ones"
    labels = {1: "bright"}  # noqa: RUF012 - an instance of the contract's attribute

    @property
    def entries(self) -> list[Entry]:
        return [Entry(name, name) for name in ("empty", "full")]

    def read(self, entry: Entry) -> Case:
        mask = torch.zeros(8, 20, dtype=torch.int32)
        mask[:, 10:] = entry.id == "full"
        image = torch.where(mask > 0, 0.8, 0.0)[None]
        return Case(image, mask, torch.tensor([[0.0, 1.0]]).double(), (1.0, 1.0), "px", entry)

    def fingerprint(self, entry: Entry) -> str:
        return entry.id


def test_a_case_without_a_label_is_recorded_and_the_others_are_searched() -> None:
    preparation = robustq.Preparation(dims=2, normalise="none", labels=((1, "bright"),))
    bright = robustq.wrap(Bright(), "none", at="layer", example=torch.zeros(1, 1, 8, 8), preparation=preparation)
    found = robustq.minimal_levels({"bright": bright}, EmptyOnes(), "fgsm", resolution=1)
    assert found.to_frame()["case"].tolist() == ["full"]
    assert found.failures == {"empty": "the truth shows no label, so that there is no Dice"}
    assert any(note.startswith("Left out: 1 of the 2 cases") for note in found.notes())


def test_the_command_line_searches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = {"data": "phantom:cases=1", "draws": 1, "resolution": 20.0, "split": "all", "json": True}
    words["out"] = str(tmp_path / "run")
    assert minimal_command(noise="gauss", below=0.4, batch_size=2, **words) == 0
    document = json.loads(capsys.readouterr().out)
    assert MinimalLevels(tmp_path / "run").asked["batch_size"] == 2
    assert minimal_command(noise="gauss", below=0.4, **words) == 0  # it goes on with its batch size
    capsys.readouterr()
    with pytest.raises(RequestError, match="it differs in batch_size"):
        minimal_command(noise="gauss", below=0.4, batch_size=3, **words)
    assert document["perturbation"] == "gaussian"
    assert document["threshold"] == 0.4
    assert set(document["models"]) == {"unet", "vq-unet"}
    with pytest.raises(RequestError, match="takes either --noise NAME or --attack NAME"):
        minimal_command()
    with pytest.raises(RequestError, match="names several: give one, or a chain of perturbations"):
        minimal_command(noise="gaussian,blur")
    with pytest.raises(RequestError, match="takes either --noise NAME or --attack NAME"):
        minimal_command(noise="gaussian", attack="pgd")


def test_a_search_draws_an_attack_once_and_noise_ten_times_unless_a_number_is_asked(tmp_path: Path) -> None:
    data = {"data": "phantom:cases=1,domain=A", "resolution": 100, "split": "all"}

    def draws(perturbation: str, out: Path | None = None, **asked: int) -> int:
        return int(robustq.minimal_levels(None, perturbation=perturbation, out=out, **data, **asked).asked["draws"])

    assert (draws("pgd@1"), draws("fgsm", draws=5), draws("pgd@1", draws=2)) == (1, 1, 2)
    assert draws("pgd@1", tmp_path, draws=10) == 10
    assert draws("pgd@1", tmp_path) == 10  # a search of an earlier version goes on with its number
