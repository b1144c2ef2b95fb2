"""A last batch of a single item, where batch normalisation cannot be trained on one."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import robustq
from networks import noise, small
from robustq.data.open_dataset import open_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.errors import RequestError
from robustq.training.batches import Batches, Item

DATA = "phantom:cases=8,domain=A"
RECIPE: dict[str, Any] = {"epochs": 1, "augmentation": False, "precision": "fp32", "validation": 0.25}


class Pooled(nn.Module):
    """Normalises a global pool, one value for each channel and image, as DeepLabV3 does; keeps its batch sizes."""

    def __init__(self, kind: type[nn.Module] = nn.BatchNorm2d) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(1, 4, 4, 4), nn.ConvTranspose2d(4, 4, 4, 4)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), kind(4))
        self.sizes: list[int] = []

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.sizes.append(len(images))
        coarse = self.down(images)
        return self.up(coarse + self.pool(coarse))


def trained(network: nn.Module, folder: Path, **changes: Any) -> robustq.Segmenter:
    model = robustq.wrap(network, "none", at="down", classes=4, example=noise(1, 1, 16, 16))
    return robustq.train(model, DATA, folder / "m.safetensors", robustq.Recipe(**RECIPE | changes))


@pytest.mark.parametrize(("size", "expected"), [(5, [6]), (2, [2, 2, 2]), (4, [4, 2])])
def test_a_last_batch_of_one_is_joined_to_the_one_before(size: int, expected: list[int], tmp_path: Path) -> None:
    assert trained(Pooled(), tmp_path, batch_size=size).network.sizes == expected


@pytest.mark.parametrize(("changes", "network"), [({}, nn.Identity), ({"freeze": ("encoder", "decoder")}, None)])
def test_other_networks_keep_their_last_batch_of_one(changes: dict[str, Any], network: Any, tmp_path: Path) -> None:
    def make(channels: int) -> nn.Module:
        return nn.Identity() if network else nn.BatchNorm2d(channels)

    made = Pooled(make)  # type: ignore[arg-type]
    model = robustq.wrap(made, "8x3", at="down", classes=4, example=noise(1, 1, 16, 16))
    recipe = robustq.Recipe(**RECIPE | changes, batch_size=5)
    assert robustq.train(model, DATA, tmp_path / "m.safetensors", recipe).network.sizes[-1] == 1


def test_a_trial_changes_no_statistics() -> None:
    network = Pooled()
    model = robustq.wrap(network, "none", at="down", classes=4, example=noise(1, 1, 16, 16))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(RequestError, match="the batch size is 1: give more cases and a batch size of 2 or more"):
        robustq.train(model, DATA, "never.safetensors", robustq.Recipe(**RECIPE, batch_size=1))
    assert all(value.equal(before[name]) for name, value in model.state_dict().items())
    assert not Path("never.safetensors").exists()


def test_a_training_set_of_one_case_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        for name in "ab":
            pixels = np.zeros((16, 16), np.uint8)
            pixels[2:9, 3:8] = 1
            Image.fromarray(pixels * (200 if folder == "images" else 1)).save(
                tmp_path / "data" / folder / f"{name}.png"
            )
    network = Pooled()
    network.up = nn.ConvTranspose2d(4, 2, 4, 4)
    model = robustq.wrap(network, "none", at="down", example=noise(1, 1, 16, 16))
    with pytest.raises(RequestError, match="there is a single training case: give more cases"):
        robustq.train(model, str(tmp_path / "data"), tmp_path / "m.safetensors", robustq.Recipe(**RECIPE))


@pytest.mark.parametrize("count", range(2, 12))
@pytest.mark.parametrize("size", [2, 3, 5])
def test_every_item_is_shown_once_and_no_batch_has_one(count: int, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("robustq.training.batches._stack", lambda items, processes: items)
    monkeypatch.setattr(Batches, "draw", lambda self, item, epoch: item)
    cases = PreparedCases(open_dataset("phantom:cases=1"), small().spec.preparation)
    items = [Item(cases.dataset.entries[0], place) for place in range(count)]
    joined, plain = (
        Batches(cases=cases, items=items, size=size, seed=0, augmented=False, lone_joined=lone_joined)
        for lone_joined in (True, False)
    )
    for batches in (joined, plain):
        shown = list(batches.of_epoch(1))
        assert sorted(item.place for batch in shown for item in batch) == list(range(count))
        assert len(shown) == len(batches)
        assert batches is plain or min(map(len, shown)) > 1
    assert len(plain) == math.ceil(count / size)


def test_the_papers_network_is_trained_as_before(tmp_path: Path) -> None:
    model = small("8x4", classes=4)
    recipe = robustq.Recipe(**RECIPE, batch_size=5)
    first, second = (robustq.train(model, DATA, tmp_path / f"{name}.safetensors", recipe) for name in "ab")
    assert all(value.equal(second.state_dict()[name]) for name, value in first.state_dict().items())
    assert torch.is_grad_enabled()
