"""Trainings with a prior over the codes."""

import csv
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import robustq
from networks import noise, small
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError
from robustq.model.prior import CodePrior
from robustq.model.segmenter import Segmenter
from robustq.request.quantise import Quantise
from robustq.training.prior_loss import prior_loss
from robustq.training.recipe import Recipe

DATA = "phantom:cases=5,domain=A"
QUICK = Recipe(epochs=2, batch_size=4, precision="fp32", learning_rate=1e-3)
JOINT, AFTER = replace(QUICK, prior="joint"), replace(QUICK, prior="after")


def phantom_model(quantise: str = "ema:16x4", dims: int = 2) -> Segmenter:
    """A small segmenter for the phantom, with 16 codes."""
    labels = tuple(sorted(open_dataset("phantom").labels.items()))
    preparation = robustq.Preparation(dims=dims, size=(16,) * dims, labels=labels)
    return small(quantise, dims=dims, classes=4, preparation=preparation)


def weights(model: Segmenter) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_the_joint_loss_on_a_grid_of_two_by_two_by_hand() -> None:
    # Codes at 0 and 1 with p = 0.2 and 0.8. The squared distances to the chosen codes are 0.09, 0.04, 0, 0.16, so
    # σ² = 0.0725.
    prior = CodePrior(2)
    prior.head.bias.data = torch.tensor([0.2, 0.8]).log()
    quantiser = Quantise.parse("vq:2x1").build()
    assert quantiser is not None
    quantiser.start_from(torch.tensor([[[0.0], [1.0]]]))
    embedding = torch.tensor([[[[0.3, 0.8], [1.0, 0.4]]]], requires_grad=True)
    loss = prior_loss(prior, quantiser, embedding, quantiser(embedding).codes)
    expected = 0.0
    for e in (0.3, 0.8, 1.0, 0.4):
        near, far = (math.exp(-((e - code) ** 2) / (2 * 0.0725)) for code in (0, 1))
        expected += (near * -math.log(0.2) + far * -math.log(0.8)) / (near + far) / 4
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert (embedding.grad < 0).all(), "each embedding is drawn to the more probable code"
    prior.eval()
    assert prior_loss(prior, quantiser, embedding + 1, quantiser(embedding).codes).item() != pytest.approx(expected)
    assert float(prior.variance) == pytest.approx(0.0725)


@pytest.mark.parametrize("dims", [2, 3])
def test_a_joint_training_writes_the_prior_into_the_bundle(dims: int, tmp_path: Path) -> None:
    epochs = []
    recipe = replace(JOINT, batch_size=2) if dims == 3 else JOINT
    data = DATA if dims == 2 else f"{DATA},dims=3"
    trained = robustq.train(phantom_model(dims=dims), data, tmp_path / "m.safetensors", recipe, on_epoch=epochs.append)
    assert 0 < epochs[-1].prior_loss < math.log(16)
    again = robustq.load(tmp_path / "m.safetensors")
    assert again.spec.prior["how"] == "joint"
    assert again.spec.prior["validation_nats"] in [epoch.validation_nats for epoch in epochs]
    assert again.spec.training["recipe"]["prior"] == "joint"
    assert all(again.state_dict()[name].equal(value) for name, value in weights(trained).items())
    assert any(name.startswith("prior.") for name in trained.state_dict())
    with open(tmp_path / "m.history.csv") as file:
        assert [float(line["prior_loss"]) for line in csv.DictReader(file)] == [epoch.prior_loss for epoch in epochs]
    images = noise(1, 1, *(16,) * dims)
    assert again(images).shape[2:] == images.shape[2:]


class Killed(BaseException):
    """What a process sees when it is told to stop."""


@pytest.mark.parametrize("how", ["joint", "after"])
def test_a_killed_training_with_a_prior_ends_like_one_that_was_never_killed(how: str, tmp_path: Path) -> None:
    recipe, model = replace(QUICK, epochs=3, prior=how), phantom_model()
    if how == "after":
        model = robustq.train(model, DATA, tmp_path / "m.safetensors", QUICK)
    whole = robustq.train(model, DATA, tmp_path / "whole.safetensors", recipe)

    def die(epoch: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        robustq.train(model, DATA, tmp_path / "killed.safetensors", recipe, on_epoch=die)
    resumed = robustq.train(model, DATA, tmp_path / "killed.safetensors", recipe)
    assert all(value.equal(weights(resumed)[name]) for name, value in weights(whole).items())
    assert resumed.spec == whole.spec


def test_a_joint_training_moves_the_encoder_and_a_training_without_a_prior_stays_what_it_was(tmp_path: Path) -> None:
    without = robustq.train(phantom_model(), DATA, tmp_path / "w.safetensors", QUICK)
    joint = robustq.train(phantom_model(), DATA, tmp_path / "j.safetensors", JOINT)
    assert not all(value.equal(weights(joint)[name]) for name, value in weights(without).items())
    assert "prior" not in without.spec.to_dict()
    assert "prior" not in without.spec.training["recipe"]
    assert "prior_loss" not in (tmp_path / "w.history.csv").read_text()


@pytest.mark.parametrize("quantise", ["16x4", "ema:16x4", "gumbel:16x4"])
def test_a_prior_fitted_afterwards_leaves_every_other_weight_as_it_was(quantise: str, tmp_path: Path) -> None:
    robustq.train(phantom_model(quantise), DATA, tmp_path / "m.safetensors", replace(QUICK, epochs=1))
    model = robustq.load(tmp_path / "m.safetensors")
    before, epochs = weights(model), []
    recipe = replace(AFTER, epochs=4)
    fitted = robustq.train(model, DATA, tmp_path / "p.safetensors", recipe, on_epoch=epochs.append)
    assert all(weights(fitted)[name].equal(value) for name, value in before.items())
    assert {name.partition(".")[0] for name in set(weights(fitted)) - set(before)} == {"prior"}
    assert epochs[-1].prior_loss < epochs[0].prior_loss
    best = min(epochs, key=lambda epoch: epoch.validation_nats)
    again = robustq.load(tmp_path / "p.safetensors")
    assert (again.spec.prior["best_epoch"], again.spec.prior["validation_nats"]) == (best.epoch, best.validation_nats)
    assert again.spec.training == model.spec.training
    assert again.spec.but(prior=None) == model.spec
    assert {*again.spec.prior["training_cases"]} <= again.spec.seen


def test_a_prior_is_refused_where_it_can_say_nothing(tmp_path: Path) -> None:
    target = tmp_path / "m.safetensors"
    with pytest.raises(RequestError, match="this model is untrained: train it first"):
        robustq.train(phantom_model(), DATA, target, AFTER)
    with pytest.raises(RequestError, match="has no codebook of vectors"):
        robustq.train(phantom_model("fsq:3x3x3"), DATA, target, JOINT)
    with pytest.raises(RequestError, match="unknown prior"):
        Recipe(prior="before")
    with pytest.raises(RequestError, match="leave out freeze"):
        Recipe(prior="after", freeze=("encoder",))


def test_a_model_that_is_trained_again_without_a_prior_has_none(tmp_path: Path) -> None:
    joint = robustq.train(phantom_model(), DATA, tmp_path / "j.safetensors", JOINT)
    again = robustq.train(joint, DATA, tmp_path / "a.safetensors", QUICK)
    assert again.prior is None
    assert again.spec.prior is None
    assert robustq.load(tmp_path / "a.safetensors").prior is None
    assert joint.without_quantiser().prior is None
