"""What is said of weights is true: fresh, changed by somebody else's code, or given."""

from pathlib import Path

import pytest
import torch

import robustq
from networks import small
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.training.calibrate import calibrate
from robustq.training.seen_cases import seen_in_training
from robustq_unet.unet import UNet

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))
FRESH = ("untrained: its weights are random",)


def model(quantise: str = "8x4") -> robustq.Segmenter:
    return small(quantise, classes=4, preparation=robustq.Preparation(size=(24, 20), labels=LABELS))


def step(trained: robustq.Segmenter) -> None:
    """One step of a training loop of the user's own."""
    with torch.no_grad():
        next(trained.parameters()).add_(0.1)


def test_fresh_weights_are_called_random_before_and_after_saving(tmp_path: Path) -> None:
    made = model()
    made.save(tmp_path / "fresh.safetensors")
    assert made.spec.status == robustq.load(tmp_path / "fresh.safetensors").spec.status == FRESH


def test_after_a_training_loop_of_ones_own_they_are_not_called_random(tmp_path: Path) -> None:
    made = model()
    step(made)
    run = robustq.stress({"own": made}, "phantom:cases=1,domain=A", levels=[10], draws=1)
    made.save(tmp_path / "own.safetensors")
    for status in (run.remarks()["own"], robustq.load(tmp_path / "own.safetensors").spec.status):
        assert "changed after wrapping, by code outside of robustq" in status[0]
        assert "random" not in status[0]
    assert made.spec.status == FRESH  # the caller's own spec is left as it was


def test_the_matched_baseline_of_trained_weights_is_fresh(tmp_path: Path) -> None:
    made = model()
    step(made)
    baseline = made.without_quantiser()
    baseline.save(tmp_path / "baseline.safetensors")
    assert robustq.load(tmp_path / "baseline.safetensors").spec.status == FRESH


def test_weights_of_a_network_given_by_hand_are_not_called_random() -> None:
    spec = robustq.wrap(
        UNet(in_channels=1, classes=2, dims=2, width=4, groups=2), "8x4", example=torch.zeros(1, 1, 32, 32)
    ).spec
    assert "as they were when the network was given" in spec.status[0]


def test_cases_that_a_codebook_was_fitted_to_are_not_held_out() -> None:
    made = model()
    data = open_dataset("phantom:cases=6,domain=A")
    calibrate(made, data)
    assert len(made.spec.calibration_cases) == 4  # a fifth of the cases, rounded up, measures the cost
    run = robustq.stress({"calibrated": made}, data, levels=[10], draws=1)
    used = {case["fingerprint"] for case in run.asked["data"]["cases"]}
    assert used == {data.fingerprint(entry) for entry in data.entries} - set(made.spec.calibration_cases)


def test_a_user_says_what_foreign_weights_were_trained_on() -> None:
    data = open_dataset("phantom:cases=3,domain=A")
    foreign = model().spec.but(weights="94 of 94 tensors from trained.pt")
    assert seen_in_training(foreign, data).seen == {data.fingerprint(entry) for entry in data.entries}
    with pytest.raises(RequestError, match="give its checkpoint too"):
        seen_in_training(model().spec, data)
