import csv
import math
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import robustq
from networks import noise, small
from robustq.data.open_dataset import open_dataset
from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import RequestError, StorageError
from robustq.model.segmenter import Segmenter
from robustq.training.augment import augment
from robustq.training.loss import SegmentationLoss
from robustq.training.recipe import Recipe

QUICK = Recipe(epochs=2, batch_size=4, precision="fp32", learning_rate=1e-3)


def phantom_model(quantise: str = "16x4", *, size: tuple[int, ...] = (24, 24), **settings: object) -> Segmenter:
    """A small segmenter for the phantom."""
    labels = tuple(sorted(open_dataset("phantom").labels.items()))
    preparation = robustq.Preparation(dims=len(size), size=size, labels=labels)
    return small(quantise, dims=len(size), classes=4, preparation=preparation, **settings)


def weights(model: Segmenter) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_training_lowers_the_loss_and_the_bundle_holds_the_best_epoch(tmp_path: Path) -> None:
    epochs = []
    recipe = replace(QUICK, epochs=4)
    trained = robustq.train(
        phantom_model(), "phantom:cases=6,domain=A", tmp_path / "m.safetensors", recipe, on_epoch=epochs.append
    )
    assert epochs[-1].loss < epochs[0].loss
    assert epochs[0].codes_in_use >= 1
    best = max(epochs, key=lambda epoch: epoch.validation_dice)
    again = robustq.load(tmp_path / "m.safetensors")
    assert again.spec.training["best_epoch"] == best.epoch
    assert again.spec.training["validation_dice"] == best.validation_dice
    assert again.spec.status == ()
    assert all(again.state_dict()[name].equal(value) for name, value in trained.state_dict().items())
    with open(tmp_path / "m.history.csv") as file:
        lines = list(csv.DictReader(file))
    assert [float(line["validation_dice"]) for line in lines] == [epoch.validation_dice for epoch in epochs]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.history.csv", "m.safetensors"]


class Killed(BaseException):
    """What a process sees when it is told to stop."""


def test_a_killed_training_goes_on_and_ends_like_one_that_was_never_killed(tmp_path: Path) -> None:
    data, recipe = "phantom:cases=5,domain=A", replace(QUICK, epochs=3)
    whole = robustq.train(phantom_model(), data, tmp_path / "whole.safetensors", recipe)

    def die(epoch: object) -> None:
        raise Killed

    seen = []
    with pytest.raises(Killed):
        robustq.train(phantom_model(), data, tmp_path / "killed.safetensors", recipe, on_epoch=die)
    resumed = robustq.train(phantom_model(), data, tmp_path / "killed.safetensors", recipe, on_epoch=seen.append)
    assert [epoch.epoch for epoch in seen] == [2, 3]
    assert all(value.equal(weights(resumed)[name]) for name, value in weights(whole).items())
    assert resumed.spec == whole.spec


def test_a_training_that_meets_a_full_disk_continues_to_the_same_weights(tmp_path: Path) -> None:
    data, recipe = "phantom:cases=5,domain=A", replace(QUICK, epochs=2)
    whole = robustq.train(phantom_model(), data, tmp_path / "whole.safetensors", recipe)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(epoch: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))

    try:
        with pytest.raises(StorageError, match="give the same command again"):
            robustq.train(phantom_model(), data, tmp_path / "full.safetensors", recipe, on_epoch=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    seen = []
    resumed = robustq.train(phantom_model(), data, tmp_path / "full.safetensors", recipe, on_epoch=seen.append)

    assert [epoch.epoch for epoch in seen] == [2]
    assert all(value.equal(weights(resumed)[name]) for name, value in weights(whole).items())


def test_two_trainings_towards_one_bundle_are_refused(tmp_path: Path) -> None:
    data, bundle = "phantom:cases=5,domain=A", tmp_path / "m.safetensors"

    def train_again(epoch: object) -> None:
        with pytest.raises(RequestError, match=r"writes to .*wait until it ends"):
            robustq.train(phantom_model(), data, bundle, QUICK)

    robustq.train(phantom_model(), data, bundle, replace(QUICK, epochs=1), on_epoch=train_again)


def test_a_resume_file_of_another_training_is_refused(tmp_path: Path) -> None:
    def die(epoch: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        robustq.train(phantom_model(), "phantom:cases=5", tmp_path / "m.safetensors", QUICK, on_epoch=die)
    with pytest.raises(RequestError, match="is of another training"):
        robustq.train(phantom_model(seed=1), "phantom:cases=5", tmp_path / "m.safetensors", QUICK)
    (tmp_path / "m.resume.pt").write_bytes(b"not a checkpoint")
    with pytest.raises(RequestError, match="cannot be read: delete it"):
        robustq.train(phantom_model(), "phantom:cases=5", tmp_path / "m.safetensors", QUICK)


def test_training_stops_when_the_validation_dice_no_longer_grows(tmp_path: Path) -> None:
    # A learning rate this small changes no mask.
    recipe = replace(QUICK, epochs=50, patience=2, learning_rate=1e-12)
    trained = robustq.train(phantom_model(), "phantom:cases=4,domain=A", tmp_path / "m.safetensors", recipe)
    assert trained.spec.training["epochs"] == 3
    assert trained.spec.training["best_epoch"] == 1


@pytest.mark.parametrize(
    ("size", "data"), [((16, 16), "phantom:dims=3,cases=4"), ((16, 12, 8), "phantom:dims=3,cases=4")]
)
def test_volumes_train_a_3d_model_and_slice_by_slice_a_2d_one(size: tuple[int, ...], data: str, tmp_path: Path) -> None:
    recipe = replace(QUICK, epochs=1)
    trained = robustq.train(phantom_model(size=size), data, tmp_path / "m.safetensors", recipe)
    assert math.isfinite(trained.spec.training["validation_dice"])


def test_the_labels_that_a_dataset_declares_are_taken_over(tmp_path: Path) -> None:
    model = small("8x4", classes=4, preparation=None)
    trained = robustq.train(model, "phantom:cases=3,domain=A", tmp_path / "m.safetensors", replace(QUICK, epochs=1))
    assert trained.spec.labels == ("left lung", "right lung", "heart")
    with pytest.raises(RequestError, match=r"declares 3 labels .* wrap it with --classes 4"):
        robustq.train(small(classes=2), "phantom:cases=3", tmp_path / "n.safetensors", QUICK)


class Shapes(AbstractDataset):
    """Images of the sizes given, each half foreground."""

    name, labels, ignore = "shapes", None, None

    def __init__(self, *sizes: tuple[int, int]) -> None:
        self.sizes = sizes

    @property
    def entries(self) -> list[Entry]:
        return [Entry(f"{place}", f"{place}") for place in range(len(self.sizes))]

    def read(self, entry: Entry) -> Case:
        size = self.sizes[int(entry.id)]
        image = noise(1, *size, seed=int(entry.id))
        return Case(image, (image[0] > 0).int(), torch.tensor([[-3.0, 3.0]]).double(), (1.0, 1.0), "px", entry)

    def fingerprint(self, entry: Entry) -> str:
        return f"{entry.id:>016}"


def test_cases_of_different_shapes_need_a_size_or_a_batch_of_one(tmp_path: Path) -> None:
    data = Shapes((16, 16), (12, 20), (9, 9), (8, 11), (16, 16))
    with pytest.raises(RequestError, match=r"different shapes, such as .* give --size or --crop"):
        robustq.train(small(), data, tmp_path / "m.safetensors", QUICK)
    alone = replace(QUICK, batch_size=1, epochs=1)
    assert robustq.train(small(), data, tmp_path / "n.safetensors", alone).spec.training["epochs"] == 1


def test_augmentation_moves_image_and_mask_together_and_follows_from_seed_case_and_epoch_alone() -> None:
    case = phantom_model(size=(64, 64)).spec.preparation(open_dataset("phantom").read(Entry("A/0001", "")))
    first, again, other = (augment(case, seed=3, epoch=epoch) for epoch in (1, 1, 2))
    assert first.image.equal(again.image)
    assert first.mask.equal(again.mask)
    assert not first.image.equal(other.image)
    assert first.image.shape == case.image.shape
    # The lungs stay dark: what the moved mask covers is what the mask covered.
    for label in (0, 1):
        before, after = case.image[0][case.mask[label]].mean(), first.image[0][first.mask[label]].mean()
        assert after.item() == pytest.approx(before.item(), abs=0.05)


def test_augmentation_leaves_the_global_generators_alone() -> None:
    case = phantom_model(size=(16, 12, 8)).spec.preparation(open_dataset("phantom:dims=3").read(Entry("A/0000", "")))
    state, numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    augment(case, seed=0, epoch=1)
    assert torch.get_rng_state().equal(state)
    assert (np.random.get_state()[1] == numpy).all()


def test_the_loss_by_hand_on_two_pixels() -> None:
    scores = torch.tensor([[[[0.0, 0.0]], [[0.0, math.log(3.0)]]]])  # foreground probability 1/2, then 3/4
    truth = torch.tensor([[[[False, True]]]])
    entropy = -(math.log(1 / 2) + math.log(3 / 4)) / 2
    background, foreground = 2 * (1 / 2) / (1 / 2 + 1 / 4 + 1), 2 * (3 / 4) / (1 / 2 + 3 / 4 + 1)
    dice = 1 - (background + foreground) / 2
    loss = SegmentationLoss("softmax", 1)(scores, truth, torch.zeros(1, 1, 2, dtype=torch.bool))
    assert loss.item() == pytest.approx(entropy + dice, rel=1e-5)
    one = torch.tensor([[[[0.0, math.log(3.0)]]]])
    sigmoid = SegmentationLoss("sigmoid", 1)(one, truth, torch.zeros(1, 1, 2, dtype=torch.bool))
    assert sigmoid.item() == pytest.approx(entropy + 1 - foreground, rel=1e-5)
    for form, softmax_value, sigmoid_value in (("dice", dice, 1 - foreground), ("ce", entropy, entropy)):
        for answer, shown, value in (("softmax", scores, softmax_value), ("sigmoid", one, sigmoid_value)):
            term = SegmentationLoss(answer, 1, form)(shown, truth, torch.zeros(1, 1, 2, dtype=torch.bool))
            assert term.item() == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(
    ("answer", "classes"), [("softmax", 3), ("sigmoid", 2), ("probabilities", 3), ("probabilities", 2)]
)
def test_what_is_ignored_does_not_change_the_loss(answer: str, classes: int) -> None:
    scores = noise(2, classes, 4, 5)
    if answer == "probabilities":
        scores = scores.softmax(1)
    truth = torch.stack([noise(2, 4, 5, seed=1) > 0.5, noise(2, 4, 5, seed=1) < -0.5], dim=1)
    ignored = noise(2, 4, 5, seed=2) > 0
    criterion = SegmentationLoss(answer, 2)
    other = torch.where(ignored[:, None], scores.flip(0).flip(1), scores)
    torch.testing.assert_close(criterion(scores, truth, ignored), criterion(other, truth & ~ignored[:, None], ignored))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": 0.0}, "learning_rate=0"),
        ({"validation": 1.0}, "validation=1 is no share"),
        ({"loss": "dyce"}, "unknown loss 'dyce': did you mean dice"),
        ({"schedule": "step"}, "unknown schedule of the learning rate 'step': choose from constant, cosine"),
        ({"augment_noise": "gaussian"}, "write NAME:LOW..HIGH"),
    ],
)
def test_settings_that_make_no_training_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        Recipe(**settings)


def test_a_precision_or_device_that_is_not_here_is_refused(tmp_path: Path) -> None:
    for recipe, words in (
        (replace(QUICK, precision="fp8"), "precision 'fp8'"),
        (replace(QUICK, device="tpu"), "device 'tpu'"),
    ):
        with pytest.raises(RequestError, match=words):
            robustq.train(phantom_model(), "phantom:cases=3", tmp_path / "m.safetensors", recipe)


def test_a_trained_bundle_is_not_written_over(tmp_path: Path) -> None:
    recipe = robustq.Recipe(epochs=1, precision="fp32")
    first = robustq.train(for_phantom(), "phantom:cases=3", tmp_path / "m.safetensors", recipe)
    with pytest.raises(RequestError, match="is a trained bundle already"):
        robustq.train(for_phantom(), "phantom:cases=3", tmp_path / "m.safetensors", recipe)
    kept = robustq.load(tmp_path / "m.safetensors")
    assert all(value.equal(first.state_dict()[name]) for name, value in kept.state_dict().items())


def for_phantom() -> robustq.Segmenter:
    labels = tuple(sorted(open_dataset("phantom").labels.items()))
    return small(classes=4, preparation=robustq.Preparation(dims=2, size=(24, 24), labels=labels))
