"""Networks small enough for tests, and the segmenters around them."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import robustq
from robustq.model.segmenter import Segmenter

SMALL: dict[str, dict[str, Any]] = {
    "unet": {"width": 8, "scales": 4},
    "transunet": {"width": 8, "scales": 4, "blocks": 2, "heads": 4},
    "hf": {
        "depths": (1, 1, 1, 1),
        "hidden_sizes": (8, 8, 16, 16),
        "num_attention_heads": (1, 1, 2, 2),
        "decoder_hidden_size": 16,
    },
    "monai": {"features": (8, 8, 16, 16, 32, 8)},
    "monai:unet": {"channels": (8, 16, 32), "strides": (2, 2)},
    "monai:attentionunet": {"channels": (8, 16, 32), "strides": (2, 2)},
    "monai:basicunet": {"features": (8, 8, 16, 16, 32, 8)},
    "monai:dynunet": {"filters": (8, 16, 32, 32, 32)},
    "monai:segresnet": {"init_filters": 8},
    "monai:swinunetr": {"feature_size": 12},
    "nnunet": {"n_stages": 4, "features_per_stage": (4, 8, 16, 16)},
    "monai:unetr": {"img_size": 64, "feature_size": 4, "hidden_size": 24, "mlp_dim": 32, "num_heads": 4},
}
"""Settings that keep a network small; those of smp get the smallest encoder."""


def settings(name: str) -> dict[str, Any]:
    """Those that keep the network of that name small; skips the test where its library is not installed."""
    if name == "nnunet":
        reason = "nnU-Net is not installed: pip install 'robustq[nnunet]'"
        pytest.importorskip("dynamic_network_architectures", reason=reason)
    if name == "hf":
        pytest.importorskip("transformers", reason="transformers is not installed: pip install 'robustq[hf]'")
    if name.startswith("smp") and name != "smp:dpt":
        return {"encoder": "resnet18"}
    return SMALL.get(name, {})


def small(quantise: str = "16x4", *, dims: int = 2, classes: int = 2, **settings: object) -> Segmenter:
    """A UNet of two scales with a quantised bottleneck."""
    architecture = {"width": 4, "scales": 2, "groups": 2} | settings
    return robustq.wrap("unet", quantise, dims=dims, classes=classes, **architecture).eval()


def with_patch(model: Segmenter, *patch: int) -> Segmenter:
    """The model, which from now on answers by windows of this size."""
    model.spec = model.spec.but(preparation=replace(model.spec.preparation, dims=len(patch), patch=patch))
    return model


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values that depend on the seed alone."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Strangers(nn.Module):
    """A network robustq knows nothing about: a dict output, a keyword argument, a skip around the bottleneck."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 6, 3, stride=2, padding=1), nn.ReLU())
        self.up = nn.ConvTranspose2d(6, 2, 2, stride=2)
        self.beside = nn.Conv2d(1, 2, 1)

    def forward(self, images: Tensor, *, scale: float = 1.0) -> dict[str, Tensor]:
        return {"out": scale * self.up(self.down(images)) + self.beside(images), "aux": images}
