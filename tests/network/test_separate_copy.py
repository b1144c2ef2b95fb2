"""A copy that shares nothing with the network."""

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import robustq
from networks import noise, small
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.network.separate_copy import separate_copy


def test_a_copy_answers_alike_and_shares_no_tensor() -> None:
    model = small()
    copied = separate_copy(model, {})
    images = noise(1, 1, 16, 16)
    assert copied(images).equal(model(images))
    pointers = {tensor.data_ptr() for tensor in model.state_dict().values()}
    assert not pointers & {tensor.data_ptr() for tensor in copied.state_dict().values()}
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    assert not copied(images).equal(model(images))


def test_networks_with_a_layer_in_common_get_copies_with_a_layer_in_common() -> None:
    layer = nn.Linear(3, 2)
    first, second = nn.Sequential(layer), nn.Sequential(nn.ReLU(), layer)
    copies: dict[int, object] = {}
    one, two, again = (separate_copy(network, copies) for network in (first, second, first))
    assert one[0] is two[1]
    assert one[0] is not layer
    assert again is one


class Keeping(nn.Module):
    """Keeps tensors of its last pass, with their graph."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 4, 2, stride=2)
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.kept: dict[str, list[torch.Tensor]] = {}

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.down(images)
        self.kept["features"] = [features]
        return self.up(features)


def test_a_network_that_keeps_tensors_of_its_last_pass_can_be_stressed() -> None:
    model = robustq.wrap(Keeping(), "8x4", at="down", classes=4, example=noise(1, 1, 16, 16))
    model.train()(noise(1, 1, 16, 16)).sum().backward()
    kept = model.network.kept["features"][0]
    run = robustq.stress({"m": model}, "phantom:cases=1", levels=[0], draws=1)
    assert len(run.to_frame())
    assert model.network.kept["features"][0] is kept


def test_a_network_that_cannot_be_copied_is_refused_in_words() -> None:
    network = nn.Sequential(nn.ReLU())
    network.lock = threading.Lock()
    with pytest.raises(RequestError, match="the network cannot be copied, and robustq does not change it in place"):
        separate_copy(network, {})


class Guarded(nn.Module):
    """Holds what cannot be copied, at three depths, and statistics that a training pass changes."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 4, 2, stride=2), nn.BatchNorm2d(4))
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2)
        self.lock = threading.Lock()
        self.helpers = {"stream": iter([1].__iter__, None), "numbers": [1, 2]}
        self.down.files = [(threading.Lock(), torch.zeros(2))]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        with self.lock:
            return self.up(self.down(images))


def guarded(network: nn.Module) -> Segmenter:
    preparation = robustq.Preparation(dims=2, size=(16, 16), labels=((1, "lung"),))
    return robustq.wrap(network, "8x4", at="down", example=noise(2, 1, 16, 16), preparation=preparation, copy=False)


def test_what_cannot_be_copied_is_shared_and_nothing_else() -> None:
    network = Guarded()
    copied = separate_copy(network, {}, share=True)
    assert copied.lock is network.lock
    assert copied.helpers["numbers"] is not network.helpers["numbers"]
    (lock, tensor), (own_lock, own_tensor) = copied.down.files[0], network.down.files[0]
    assert lock is own_lock
    assert tensor is not own_tensor
    pointers = {parameter.data_ptr() for parameter in network.parameters()}
    assert not pointers & {parameter.data_ptr() for parameter in copied.parameters()}
    with pytest.raises(RequestError, match=r"let its class define __deepcopy__$"):
        separate_copy(Stubborn(), {}, share=True)


class Stubborn(nn.Module):
    """Refuses to be copied as a whole."""

    def __deepcopy__(self, memo: object) -> None:
        raise TypeError("no copies")


def test_an_uncopyable_network_that_was_wrapped_itself_is_measured_trained_and_loaded(tmp_path: Path) -> None:
    network = Guarded().train()
    model = guarded(network)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    hooks = [len(module._forward_hooks) for module in model.modules()]
    pairs = [(noise(16, 16, seed=seed).numpy(), np.eye(16, dtype=int)) for seed in range(4)]
    assert len(robustq.stress({"m": model}, pairs, levels=[10], draws=1).to_frame())
    assert robustq.analyse({"m": model}, pairs, check="liveness", levels=[10], draws=2).verdicts()
    assert len(robustq.minimal_levels({"m": model}, pairs, "fgsm", resolution=50).to_frame())
    trained = robustq.train(model, pairs, tmp_path / "m.safetensors", robustq.Recipe(epochs=1, augmentation=False))
    assert trained.network.lock is network.lock
    assert all(module.training for module in model.modules())
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())
    again = robustq.load(tmp_path / "m.safetensors", module=Guarded())
    with torch.no_grad():
        assert again.run(noise(1, 1, 16, 16)).logits.equal(trained.run(noise(1, 1, 16, 16)).logits)
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())
