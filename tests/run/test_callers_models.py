"""What is done with a model leaves the caller's model as it was: spec, tensors, gradients, modes and hooks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import nn

import robustq
from networks import noise, small
from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import CaseError, RequestError
from robustq.model.segmenter import Segmenter
from robustq.training.calibrate import calibrate

DATA = "phantom:cases=3,domain=A"
RECIPE = robustq.Recipe(epochs=1, precision="fp32", freeze=("decoder",), augmentation=False)


def in_use(quantise: str = "16x4") -> Segmenter:
    """A model in the middle of somebody's training: modes mixed, parts frozen, gradients and a graph at hand."""
    # Its labels have no names yet, so that every run takes over those of the phantom.
    model = small(quantise, classes=4, preparation=None).train()
    model.network.encoder.eval()
    for parameter in model.network.encoder.parameters():
        parameter.requires_grad_(False)
    model.network.head.register_forward_hook(lambda module, inputs, output: None)
    model(noise(2, 1, 16, 16)).sum().backward()
    assert any(parameter.grad is not None for parameter in model.parameters())
    return model


def state(model: Segmenter) -> dict[str, Any]:
    """Everything that must stay. Objects stand beside their values: a tensor must be the same one, and unchanged."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {
        "spec": (id(model.spec), model.spec),
        "tensors": {name: (id(tensor), tensor.data_ptr(), tensor.device) for name, tensor in tensors.items()},
        "values": {name: tensor.detach().tolist() for name, tensor in tensors.items()},
        "learnt": {name: tensor.requires_grad for name, tensor in tensors.items()},
        "gradients": {
            name: None if tensor.grad is None else (id(tensor.grad), tensor.grad.tolist())
            for name, tensor in tensors.items()
        },
        "modes": {name: module.training for name, module in model.named_modules()},
        "hooks": {
            name: [*map(id, module._forward_hooks.values()), *map(id, module._forward_pre_hooks.values())]
            for name, module in model.named_modules()
        },
    }


def _minimal_level(model: Segmenter, perturbation: str) -> object:
    data = robustq.open_dataset(DATA)
    case = model.spec.preparation(data.read(data.entries[0]))
    return robustq.minimal_level(model, case, perturbation, resolution=50, draws=1, threshold=1e-6)


DOINGS: dict[str, Callable[[Segmenter, Path], object]] = {
    "stress": lambda model, folder: robustq.stress({"m": model}, DATA, levels=[10], draws=1, batch_size=1),
    "attack": lambda model, folder: robustq.stress(
        {"m": model, "n": small(classes=4, preparation=None)}, DATA, attack=["pgd@2"], levels=[10], draws=1
    ),
    "analyse": lambda model, folder: robustq.analyse({"m": model}, DATA, levels=[10], draws=2, batch_size=1),
    "minimal_levels": lambda model, folder: robustq.minimal_levels(
        {"m": model}, DATA, "gaussian", draws=1, resolution=50
    ),
    "minimal_level": lambda model, folder: _minimal_level(model, "gaussian"),
    "minimal_level of an attack": lambda model, folder: _minimal_level(model, "pgd@2"),
    "train": lambda model, folder: robustq.train(model, DATA, folder / "m.safetensors", RECIPE),
}


@pytest.mark.parametrize("doing", DOINGS)
def test_a_model_in_the_middle_of_a_training_stays_as_it_was(doing: str, tmp_path: Path) -> None:
    model = in_use()
    before = state(model)
    DOINGS[doing](model, tmp_path)
    assert state(model) == before


class Unusable(AbstractDataset):
    """Three cases, none of which can be read."""

    name, labels = "unusable", {1: "a", 2: "b", 3: "c"}

    @property
    def entries(self) -> list[Entry]:
        return [Entry(letter, letter) for letter in "abc"]

    def read(self, entry: Entry) -> Case:
        raise CaseError("the file is empty")

    def fingerprint(self, entry: Entry) -> str:
        return f"{entry.id:>016}"


@pytest.mark.parametrize(
    "doing",
    [
        lambda model, folder: robustq.stress({"m": model}, Unusable()),
        lambda model, folder: robustq.analyse({"m": model}, Unusable()),
        lambda model, folder: robustq.minimal_levels({"m": model}, Unusable(), "gaussian"),
        lambda model, folder: robustq.train(model, Unusable(), folder / "m.safetensors", RECIPE),
        lambda model, folder: calibrate(model, Unusable()),
    ],
)
def test_a_model_stays_as_it_was_where_no_case_can_be_used(
    doing: Callable[[Segmenter, Path], object], tmp_path: Path
) -> None:
    model = in_use()
    before = state(model)
    with pytest.raises(RequestError, match="none of the 3 cases of unusable can be used"):
        doing(model, tmp_path)
    assert state(model) == before


@pytest.mark.parametrize("doing", DOINGS)
def test_a_model_stays_as_it_was_when_its_network_fails_in_the_middle(doing: str, tmp_path: Path) -> None:
    model = in_use()
    passes = []

    def fail_at_the_second_pass(module: nn.Module, inputs: object) -> None:
        passes.append(1)
        if len(passes) == 2:
            raise KeyError("the network fails")

    # Every pass reaches the encoder, also those that end at the bottleneck.
    model.network.encoder.register_forward_pre_hook(fail_at_the_second_pass)
    before = state(model)
    with pytest.raises(KeyError, match="the network fails"):
        DOINGS[doing](model, tmp_path)
    assert state(model) == before


def test_a_model_that_is_given_under_two_names_gives_the_same_rows_twice() -> None:
    model = in_use()
    before = state(model)
    run = robustq.stress({"one": model, "two": model}, DATA, levels=[10], draws=1)
    one, two = (run.to_frame().query("model == @name")["value"].tolist() for name in ("one", "two"))
    assert one == two
    assert state(model) == before


def test_models_with_weights_in_common_stay_as_they_were() -> None:
    first, second = in_use(), in_use("none")
    second.network.head = first.network.head
    before = state(first), state(second)
    robustq.stress({"first": first, "second": second}, DATA, attack=["fgsm"], levels=[10])
    assert (state(first), state(second)) == before
    assert second.network.head is first.network.head


def test_the_rows_are_those_of_the_model_in_evaluation_mode(tmp_path: Path) -> None:
    model = in_use("none")
    model.save(tmp_path / "m.safetensors")
    asked: dict[str, Any] = {"data": DATA, "levels": [10], "draws": 1}
    given, loaded = (robustq.stress({"m": one}, **asked) for one in (model, tmp_path / "m.safetensors"))
    assert given.to_frame().equals(loaded.to_frame())


def test_a_training_gives_another_model_with_the_frozen_parts_of_the_given_one(tmp_path: Path) -> None:
    model = in_use()
    recipe = robustq.Recipe(epochs=1, precision="fp32", learning_rate=1e-2, augmentation=False)
    trained = robustq.train(model, DATA, tmp_path / "m.safetensors", recipe)
    assert trained is not model
    assert not any(module.training for module in trained.modules())
    moved = {name for name, value in trained.state_dict().items() if not value.equal(model.state_dict()[name])}
    assert any(name.startswith("network.head") for name in moved)
    assert not any(name.startswith("network.encoder") for name in moved)


def test_a_calibration_changes_the_model_and_restores_the_mode_of_each_module() -> None:
    model = in_use()
    before = state(model)
    calibrate(model, "phantom:cases=4")
    after = state(model)
    assert after["values"] != before["values"]
    assert model.spec.labels == ("left lung", "right lung", "heart")
    for kept in ("modes", "learnt", "gradients", "hooks", "tensors"):
        assert after[kept] == before[kept]


def test_a_calibration_that_is_refused_changes_nothing() -> None:
    model = in_use("100000x4")
    before = state(model)
    with pytest.raises(RequestError, match="tokens for 100000 codes"):
        calibrate(model, "phantom:cases=4")
    assert state(model) == before
