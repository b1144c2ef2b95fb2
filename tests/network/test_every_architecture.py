"""Every registered architecture, wrapped: `pytest tests/test_networks.py -s` prints what was found of each."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import robustq
from networks import noise, settings
from robustq import registry
from robustq.errors import RequestError
from robustq.latent.tangents import tangents
from robustq.model.describe import describe
from robustq.network.image_sizes import example_of
from robustq.network.site_search import find_bottleneck

LARGE = ("torchvision:fcn_resnet101", "torchvision:deeplabv3_resnet101")
"""The same code as their smaller siblings."""


def networks() -> list[Any]:
    found = []
    for name in registry.names("architectures"):
        marks = [pytest.mark.long] if name in LARGE else []
        found.append(pytest.param(name, 2, marks=marks))
        if name.startswith(("monai:", "nnunet")) or name.removeprefix("trans") == "unet":
            # Volumes take longer; the wrapper is the same.
            found.append(pytest.param(name, 3, marks=[] if name in ("unet", "monai:unet") else [pytest.mark.long]))
    return found


def scores(output: object) -> Tensor:
    return output["out"] if isinstance(output, dict) else output


@pytest.mark.parametrize(("name", "dims"), networks())
def test_every_network_can_be_wrapped_trained_encoded_saved_and_differentiated(
    name: str, dims: int, tmp_path: Path
) -> None:
    size = (128 if name == "smp:pan" else 64,) * dims
    images = noise(2, 1, *size)
    wrapped = robustq.wrap(name, "16x8", dims=dims, classes=3, **settings(name))
    told = [name, f"{dims}D", wrapped.spec.site, f"multiple of {wrapped.spec.multiple}"]

    plain = robustq.wrap(name, "none", dims=dims, classes=3, **settings(name)).eval()
    original = copy.deepcopy(plain.network)
    for module in original.modules():
        module._forward_hooks.clear()
    with torch.no_grad():
        assert scores(plain(images)).equal(scores(original(images))), "with none it is the network it was"
    assert set(plain.state_dict()) == {f"network.{key}" for key in original.state_dict()}

    # Odd sizes: as the original where it takes them; elsewhere its own error, and run pads.
    odd = noise(2, 1, *[extent + 1 for extent in size], seed=1)
    try:
        with torch.no_grad():
            expected = scores(original(odd))
        taken = expected.shape[2:] == odd.shape[2:]
    except (RuntimeError, AssertionError, ValueError):
        taken = False
    if taken:
        with torch.no_grad():
            torch.testing.assert_close(scores(plain(odd)), expected, rtol=1e-5, atol=1e-5)
    told.append("odd sizes" if taken else "padded")
    if name != "monai:unetr":  # takes the one size it was built for
        assert plain.run(odd).logits.shape == (2, 3, *odd.shape[2:])

    wrapped.train()
    parts = wrapped.run(images)
    assert parts.logits.shape == (2, 3, *size)
    assert parts.codes is not None
    (parts.logits.square().mean() + parts.quantiser_loss).backward()
    assert wrapped.quantiser.codebook.grad.abs().sum() > 0
    reached = [parameter.grad is not None for parameter in wrapped.network.parameters()]
    assert sum(reached) > 0.5 * len(reached)

    wrapped.eval()
    embedding = wrapped.encode(images)
    with torch.no_grad():
        assert wrapped.run(images).embedding.equal(embedding.detach())

    path = tmp_path / "model.safetensors"
    wrapped.save(path)
    again = robustq.load(path)
    with torch.no_grad():
        assert scores(again(images)).equal(scores(wrapped(images)))
        assert scores(copy.deepcopy(wrapped)(images)).equal(scores(wrapped(images)))

    shift = tangents(wrapped, images[0], noise(2, 1, *size, seed=2), axis=None)
    assert shift.isfinite().all()
    assert shift.shape[0] == 2
    told.append(f"embedding {tuple(embedding.shape[1:])}")
    print("  ".join(told))


def test_the_shift_through_attention_is_the_limit_of_differences() -> None:
    model = robustq.wrap("transunet", "identity:4", width=8, scales=2, blocks=1, heads=2).eval().double()
    image, direction = noise(1, 8, 10).double(), noise(1, 1, 8, 10, seed=1).double()
    step = 1e-6
    with torch.no_grad():
        ahead, behind = (model.encode(image[None] + sign * step * direction) for sign in (1, -1))
    expected = ((ahead - behind) / (2 * step)).flatten(2).transpose(1, 2)
    torch.testing.assert_close(tangents(model, image, direction, axis=None), expected, rtol=1e-5, atol=1e-7)


class Gated(nn.Module):
    """A small encoder-decoder with what is easily mistaken for a bottleneck: a gate, a global pool, a side branch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.down = nn.Conv2d(4, 8, 3, stride=4, padding=1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Sigmoid())
        self.fixed = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Conv2d(8, 8, 1))
        self.unused = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.up = nn.Upsample(scale_factor=4)
        self.head = nn.Conv2d(12, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        fine = self.stem(images)
        coarse = self.down(fine)
        self.unused(coarse)
        coarse = coarse * self.gate(coarse) + self.fixed(coarse).mean((2, 3), keepdim=True)
        return self.head(torch.cat([fine, self.up(coarse)], dim=1))


def test_gates_pools_and_branches_that_do_not_matter_are_no_sites() -> None:
    assert find_bottleneck(Gated().eval(), noise(1, 1, 32, 32))[0].name == "down"


class Reusing(nn.Module):
    """Calls one activation and one pool again and again, as networks written by hand do."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = (
            nn.Conv2d(1, 4, 3, padding=1),
            nn.Conv2d(4, 8, 3, padding=1),
            nn.Conv2d(8, 4, 1),
        )
        self.activation, self.pool, self.up = nn.ReLU(), nn.MaxPool2d(2), nn.Upsample(scale_factor=4)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        fine = self.activation(self.one(images))
        coarse = self.activation(self.two(self.pool(self.pool(fine))))
        return self.head(torch.cat([fine, self.up(self.activation(self.three(coarse)))], 1))


def test_a_module_that_is_called_more_than_once_is_no_site() -> None:
    image = noise(2, 1, 32, 32)
    model = robustq.wrap(Reusing(), "8x4", example=image)
    assert model.spec.site == "three"  # the activation after it would be cut three times
    assert not {site.name for site in model.sites} & {"activation", "pool"}
    assert model.run(image).codes.shape == (2, 1, 8, 8)
    with pytest.raises(
        RequestError, match=r"'activation' is called 3 times in a forward pass, and the network would be cut at each"
    ):
        robustq.wrap(Reusing(), "8x4", at="activation", example=image)


def test_a_site_that_was_found_is_told_with_the_runners_up() -> None:
    for arguments in (("monai:unet", {"channels": (4, 8), "strides": (2,)}), ("monai:dynunet", {})):
        model = robustq.wrap(arguments[0], "8x4", **arguments[1])
        names = [site.name for site in model.sites]
        assert names[0] == model.spec.site
        assert len(names) > 1
        assert len(set(names)) == len(names)


def test_a_network_that_takes_one_size_alone_is_probed_with_the_size_it_is_meant_for() -> None:
    preparation = robustq.Preparation(dims=2, size=(96, 96))
    small = {"hidden_size": 24, "mlp_dim": 24, "num_heads": 2, "feature_size": 4}
    model = robustq.wrap("monai:unetr", "8x4", preparation=preparation, **small)
    assert model(noise(1, 1, 96, 96)).shape == (1, 2, 96, 96)
    with pytest.raises(RequestError, match=r"input of 1 × 1 × 32 × 32.*--size 96x96 --set img_size=96"):
        robustq.wrap("monai:unetr", "8x4", preparation=robustq.Preparation(dims=2, size=(32, 32)), **small)


def test_an_odd_size_that_a_network_refuses_is_described_as_it_is_run_padded() -> None:
    network = Reusing()
    example = example_of(network, (33, 35), in_channels=1)
    assert example.shape == (1, 1, 36, 36)
    model = robustq.wrap(network, "8x4", example=example)
    found = describe(model, (33, 35))
    assert found.embedding == model.run(noise(1, 1, 33, 35)).embedding.shape[1:] == (4, 9, 9)
    assert found.image == (1, 33, 35)
    assert found.stride == (4, 4)
    with pytest.raises(RequestError, match="does not run on an input of 1 × 2 × 33 × 35"):
        example_of(network, (33, 35), in_channels=2)


class Doubling(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([images, 2 * images], dim=1)


def test_a_network_without_a_bottleneck_is_refused() -> None:
    for network in (Doubling(), nn.Conv2d(1, 2, 1)):
        with pytest.raises(RequestError, match=r"no spatial bottleneck was found.*--at"):
            robustq.wrap(network, "8x4", example=noise(1, 1, 16, 16))


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("smp:unet", {"encoder": "resnet19"}, "did you mean resnet18 or"),
        ("smp:unet", {"encoder": "tu-convnext_tinny"}, "tu-convnext_tiny"),
        ("smp:unet", {"dims": 3}, "is 2D"),
        ("smp:unet", {"decoder_channels": (8, 8)}, "cannot be built"),
        ("torchvision:fcn_resnet50", {"dims": 3}, "is 2D"),
        ("monai:unet", {"chanels": (8, 16)}, "no setting chanels: it takes.*channels"),
        ("monai:vnet", {"act": "nothing"}, "cannot be built"),
        ("transunet", {"heads": 7}, "heads that divide"),
        ("smp:unett", {}, "did you mean smp:unet"),
    ],
)
def test_what_a_library_cannot_build_is_refused_in_words(name: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        robustq.wrap(name, "8x4", **arguments)


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.long)])
def test_a_wrapped_network_can_be_compiled_and_trained(backend: str) -> None:
    # In a process of its own, where signatures are not checked: the checks cannot be compiled.
    code = f"""
import torch, robustq
model = robustq.wrap("smp:unet", "8x4", encoder="resnet18").eval()
images = torch.randn(2, 1, 64, 64)
compiled = torch.compile(model, backend="{backend}")
with torch.no_grad():
    torch.testing.assert_close(compiled(images), model(images), rtol=1e-3, atol=1e-4)
    assert model.codes is not None
loss = robustq.QuantisedLoss(torch.nn.CrossEntropyLoss(), model)
loss(compiled.train()(images), torch.zeros(2, 64, 64, dtype=torch.long)).backward()
assert all(parameter.grad is not None for parameter in model.bottlenecks.parameters())
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_pretrained_encoder_weights_are_asked_of_the_library_and_not_again_on_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import segmentation_models_pytorch as smp

    asked = []
    real = smp.create_model

    def watched(*arguments: Any, **keywords: Any) -> nn.Module:
        asked.append(keywords["encoder_weights"])
        # There is no network here: the request is seen, and random weights stand in for the download.
        return real(*arguments, **{**keywords, "encoder_weights": None})

    monkeypatch.setattr(smp, "create_model", watched)
    model = robustq.wrap("smp:unet", "8x4", encoder="resnet18", encoder_weights="imagenet")
    model.save(tmp_path / "model.safetensors")
    robustq.load(tmp_path / "model.safetensors")
    assert asked[0] == "imagenet"
    assert set(asked[1:]) == {None}
