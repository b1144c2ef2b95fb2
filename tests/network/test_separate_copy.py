"""A copy that shares nothing with the network."""

import threading

import pytest
import torch
from torch import nn

import robustq
from networks import noise, small
from robustq.errors import RequestError
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
