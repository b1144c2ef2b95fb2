"""Plain networks are measured as they are, on data in memory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn

import robustq
from robustq.errors import RequestError

GENERATOR = np.random.default_rng(3)
PAIRS = [(GENERATOR.random((32, 32)).astype(np.float32), np.zeros((32, 32), int)) for _ in range(3)]
for _image, _mask in PAIRS:
    _mask[8:24, 8:24] = 1
    _image[8:24, 8:24] += 1


class Threshold(nn.Module):
    """Answers with label 1 where the image is brighter than 1: a network whose Dice is known."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 1, 2, stride=2)
        nn.init.zeros_(self.down.weight)
        nn.init.zeros_(self.down.bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        coarse = nn.functional.interpolate(self.down(images), size=images.shape[2:])
        bright = images - 1 + 1e-6 * coarse
        return torch.cat([-bright, bright], 1)


def expected_dice(image: np.ndarray, mask: np.ndarray) -> float:
    answer = image > 1
    return float(2 * (answer & (mask == 1)).sum() / (answer.sum() + (mask == 1).sum()))


def test_a_plain_network_is_scored_as_it_is_and_left_as_it_was() -> None:
    network = Threshold().train()
    network.down.weight.requires_grad_(False)
    run = robustq.stress({"net": network}, PAIRS, levels=[20], draws=2)
    rows = run.to_frame()
    clean = rows[(rows["metric"] == "dice") & (rows["level"] == 0)].set_index("case")["value"]
    assert clean.to_dict() == {f"{n:04d}": pytest.approx(expected_dice(*pair)) for n, pair in enumerate(PAIRS)}
    assert network.training
    assert not network.down.weight.requires_grad
    assert not network._forward_hooks
    assert not network.down._forward_hooks
    assert "as they were when the network was given" in run.remarks()["net"][0]


def test_a_network_alone_is_called_model_and_stands_beside_none_in_an_analysis() -> None:
    run = robustq.stress(Threshold(), PAIRS, levels=[20], draws=1)
    assert run.models == ["model"]
    analysis = robustq.analyse(Threshold(), PAIRS, check="latent-variance", levels=[20], draws=2)
    assert analysis.models == ["model"]


def test_an_smp_network_of_three_channels_takes_pairs_in_memory() -> None:
    network = smp.Unet("resnet18", encoder_weights=None, in_channels=3, classes=3)
    pairs = [(torch.rand(3, 64, 64), torch.randint(3, (64, 64))) for _ in range(2)]
    run = robustq.stress({"smp": network}, pairs, levels=[10], draws=1)
    spec = run.spec("smp")
    assert (spec.in_channels, spec.dims, spec.classes) == (3, 2, 3)


def test_minimal_level_takes_a_plain_network() -> None:
    image, mask = PAIRS[0]
    data = robustq.InMemoryDataset([PAIRS[0]])
    case = robustq.Preparation(normalise="none")(data.read(data.entries[0]))
    ended = robustq.minimal_level(Threshold(), case, "gaussian", threshold=0.9, draws=2, resolution=5)
    assert ended.clean == pytest.approx(expected_dice(image, mask))


def test_without_a_preparation_files_are_refused_to_a_plain_network() -> None:
    with pytest.raises(RequestError, match=r"give preparation=robustq\.Preparation"):
        robustq.stress({"net": Threshold()}, "phantom:cases=1,domain=A", levels=[10], draws=1)
    preparation = robustq.Preparation(labels=((1, "left lung"), (2, "right lung"), (3, "heart")))
    with pytest.raises(RequestError, match="3 labels are named"):
        robustq.stress({"net": Threshold()}, "phantom:cases=1,domain=A", preparation=preparation, levels=[10], draws=1)


SAYS: dict[str, tuple[Callable[[], torch.Tensor], dict[str, int]]] = {
    "colour": (lambda: torch.zeros(1, 3, 64, 64), {}),
    "what is said and true": (lambda: torch.zeros(1, 3, 64, 64), {"dims": 2, "in_channels": 3, "classes": 5}),
}


@pytest.mark.parametrize("case", SAYS)
def test_wrap_reads_dims_channels_and_classes_off_a_network_given_by_hand(case: str) -> None:
    make, said = SAYS[case]
    network = smp.Unet("resnet18", encoder_weights=None, in_channels=3, classes=5)
    spec = robustq.wrap(network, "8x4", example=make(), **said).spec
    assert (spec.dims, spec.in_channels, spec.classes) == (2, 3, 5)


@pytest.mark.parametrize("said", [{"dims": 3}, {"in_channels": 1}, {"classes": 2}])
def test_what_contradicts_the_network_is_refused(said: dict[str, int]) -> None:
    network = smp.Unet("resnet18", encoder_weights=None, in_channels=3, classes=5)
    (name, value), read = next(iter(said.items())), {"dims": 2, "in_channels": 3, "classes": 5}
    with pytest.raises(RequestError, match=f"{name}={value} was given, and the network's .* has {read[name]}"):
        robustq.wrap(network, "8x4", example=torch.zeros(1, 3, 64, 64), **said)


def test_a_preparation_says_the_dimensions_of_a_named_architecture() -> None:
    spec = robustq.wrap(
        "unet", "8x4", preparation=robustq.Preparation(dims=3, channels=2), width=4, scales=2, groups=2
    ).spec
    assert (spec.dims, spec.in_channels) == (3, 2)


class Dictionary(nn.Module):
    """Takes its images out of a dict, as some training code hands them over."""

    def __init__(self, look_up: Callable[[dict[str, torch.Tensor]], torch.Tensor]) -> None:
        super().__init__()
        self.inner = Threshold()
        self.look_up = look_up

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.inner(self.look_up(batch))


class TakesTensor(nn.Module):
    """The way out that the refusal names."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network({"scan": images})


@pytest.mark.parametrize("look_up", [lambda batch: batch["scan"], lambda batch: batch.get("scan")])
def test_a_network_that_takes_a_dict_is_refused_with_the_way_out(
    look_up: Callable[[dict[str, torch.Tensor]], torch.Tensor],
) -> None:
    network = Dictionary(look_up)
    words = r"takes a dict.* returns network\(\{'scan': images\}\)"
    image = torch.zeros(1, 1, 32, 32)
    with pytest.raises(RequestError, match=words):
        robustq.wrap(network, "8x4", example={"scan": image})
    with pytest.raises(RequestError, match=words):
        robustq.wrap(network, "8x4", example=image)
    with pytest.raises(RequestError, match=words):
        robustq.stress({"net": network}, PAIRS, levels=[10], draws=1)
    run, plain = (
        robustq.stress({"net": each}, PAIRS, levels=[10], draws=1) for each in (TakesTensor(network), Threshold())
    )
    assert run.to_frame()["value"].tolist() == plain.to_frame()["value"].tolist()


def test_networks_in_a_list_are_named_by_their_classes() -> None:
    networks = [Threshold(), TakesTensor(Dictionary(lambda batch: batch["scan"])), Threshold()]
    run = robustq.stress(networks, PAIRS[:1], levels=[0])
    assert run.models == ["Threshold-1", "TakesTensor", "Threshold-2"]
    wrapped = robustq.wrap(Threshold(), "none", at="down", example=torch.zeros(1, 1, 32, 32))
    assert robustq.analyse([wrapped], PAIRS, check="liveness").models == ["Threshold"]


def test_the_same_file_given_twice_is_called_so(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    (tmp_path / "other").mkdir()
    with pytest.raises(RequestError, match=r"the file .*m\.safetensors was given twice: give it once"):
        robustq.stress([file, tmp_path / "other" / ".." / file.name], PAIRS)
    with pytest.raises(RequestError, match=r"two models have the same file name .*: rename one"):
        robustq.stress([file, tmp_path / "other" / file.name], PAIRS)
