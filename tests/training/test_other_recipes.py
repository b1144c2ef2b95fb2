"""Recipes beside the paper's: another loss, a schedule of the learning rate, noise in training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

import robustq
from networks import small
from robustq.data.open_dataset import open_dataset
from robustq.dataset import Case, Entry
from robustq.model.segmenter import Segmenter
from robustq.perturbation import AbstractPerturbation
from robustq.training.noise_augmentation import NoiseAugmentation
from robustq.training.recipe import Recipe
from robustq.training.schedule import learning_rate
from robustq.training.trainer import Trainer

DATA = "phantom:cases=5,domain=A"
QUICK = Recipe(epochs=3, batch_size=4, precision="fp32", learning_rate=1e-3)
ALL = replace(QUICK, loss="ce", schedule="cosine", augment_noise="gaussian:0..30")


def phantom_model() -> Segmenter:
    labels = tuple(sorted(open_dataset("phantom").labels.items()))
    return small(classes=4, preparation=robustq.Preparation(dims=2, size=(16, 16), labels=labels))


def case(number: int = 1) -> Case:
    return phantom_model().spec.preparation(open_dataset("phantom").read(Entry(f"A/{number:04d}", "")))


class Level(AbstractPerturbation):
    """Writes the level into the image."""

    def apply(self, image: Any, level: float, intensity_range: Any, generator: Any) -> Any:
        return torch.full_like(image, level)

    def parameters(self, level: float, intensity_range: Any) -> dict[str, float]:
        return {}


def test_half_of_the_cases_are_perturbed_at_levels_from_the_whole_range() -> None:
    image = case()
    shown = [NoiseAugmentation(Level(), 10, 30)(image, seed=0, epoch=epoch).image for epoch in range(1000)]
    levels = [float(one.max()) for one in shown if not one.equal(image.image)]
    assert 450 < len(levels) < 550
    assert 10 <= min(levels) < 10.5
    assert 29.5 < max(levels) <= 30
    assert sum(levels) / len(levels) == pytest.approx(20, abs=1)


def test_the_noise_follows_from_seed_case_and_epoch_alone_and_is_none_that_a_run_shows() -> None:
    noise = NoiseAugmentation.parse("gaussian:20..20")
    perturbed = {
        (seed, number, epoch): noise(case(number), seed=seed, epoch=epoch).image - case(number).image
        for seed in (0, 1)
        for number in (1, 2)
        for epoch in range(1, 6)
    }
    changed = [difference for difference in perturbed.values() if difference.any()]
    assert all(not one.equal(other) for place, one in enumerate(changed) for other in changed[:place])
    again = noise(case(2), seed=1, epoch=3).image - case(2).image
    assert again.equal(perturbed[1, 2, 3])
    drawn = [
        robustq.perturb(
            case().image[None],
            "gaussian",
            level=20,
            draw=draw,
            keys=["A/0001"],
            intensity_range=case().intensity_range.tolist(),
        )[0]
        - case().image
        for draw in range(6)
    ]
    assert not any(torch.allclose(one, other) for one in drawn for other in changed)


def test_a_perturbation_that_moves_the_truth_moves_the_mask_too() -> None:
    image = case()
    moved = [NoiseAugmentation.parse("affine:50..50")(image, seed=0, epoch=epoch) for epoch in range(8)]
    assert [one.mask.equal(image.mask) for one in moved] == [one.image.equal(image.image) for one in moved]
    assert not all(one.mask.equal(image.mask) for one in moved)


def test_the_cosine_schedule_is_that_of_torch() -> None:
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    scheduler = CosineAnnealingLR(optimiser, T_max=7)
    for epoch in range(1, 8):
        recipe = Recipe(epochs=7, learning_rate=0.1, schedule="cosine")
        assert learning_rate(recipe, epoch) == pytest.approx(scheduler.get_last_lr()[0], rel=1e-9)
        optimiser.step()
        scheduler.step()
    assert learning_rate(Recipe(learning_rate=0.1), 6) == 0.1


def test_every_epoch_is_trained_with_its_learning_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    run_epoch = Trainer.run_epoch

    def noted(self: Trainer, number: int, on_step: Any) -> Any:
        used.append(self.optimiser.param_groups[0]["lr"])
        return run_epoch(self, number, on_step)

    monkeypatch.setattr(Trainer, "run_epoch", noted)
    robustq.train(phantom_model(), DATA, tmp_path / "m.safetensors", replace(QUICK, schedule="cosine"))
    assert used == pytest.approx([1e-3, 0.75e-3, 0.25e-3])


class Killed(BaseException):
    """What a process sees when it is told to stop."""


def test_a_killed_training_of_another_recipe_ends_like_one_that_was_never_killed(tmp_path: Path) -> None:
    whole = robustq.train(phantom_model(), DATA, tmp_path / "whole.safetensors", ALL)

    def die(epoch: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        robustq.train(phantom_model(), DATA, tmp_path / "killed.safetensors", ALL, on_epoch=die)
    resumed = robustq.train(phantom_model(), DATA, tmp_path / "killed.safetensors", ALL)
    assert all(value.equal(whole.state_dict()[name]) for name, value in resumed.state_dict().items())
    assert resumed.spec == whole.spec
    recorded = whole.spec.training["recipe"]
    assert (recorded["loss"], recorded["schedule"]) == ("ce", "cosine")
    assert recorded["augment_noise"] == "gaussian:0..30"
    assert "changes" not in recorded


def test_a_recipe_is_recorded_without_what_it_does_not_use() -> None:
    assert not {"loss", "schedule", "augment_noise"} & Recipe().to_dict().keys()
    assert Recipe(**ALL.to_dict()) == ALL
