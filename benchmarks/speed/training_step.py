"""How much longer does a training step take with a wrapped network than with the bare one?

A step is forward, Dice + cross-entropy, backward and AdamW, on one batch of two. The network is wrapped with
`quantise=none`, so both compute the same; their first losses are compared. They take turns on one thread.

    .venv/bin/python benchmarks/speed/training_step.py [--quick]
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys
from collections.abc import Callable
from copy import deepcopy

import torch
from segmentation_models_pytorch.losses import DiceLoss
from timing import in_turn, ratio, tell
from torch import Tensor, nn
from torch.nn import functional as F

import robustq

# title, architecture, settings, extents
NETWORKS = [
    ("paper's UNet, 128²", "unet", {}, (128, 128)),
    ("smp:unet with resnet18, 128²", "smp:unet", {"encoder": "resnet18"}, (128, 128)),
    ("smp:segformer with mit_b0, 128²", "smp:segformer", {"encoder": "mit_b0"}, (128, 128)),
    ("monai:unet, 48³", "monai:unet", {"dims": 3}, (48, 48, 48)),
    ("paper's UNet, 32³", "unet", {"dims": 3}, (32, 32, 32)),
]


def step_of(model: nn.Module, images: Tensor, target: Tensor) -> Callable[[], float]:
    """A training step, which gives the loss before it."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5)
    dice = DiceLoss("multiclass")

    def step() -> float:
        optimiser.zero_grad()
        output = model(images)
        loss = F.cross_entropy(output, target) + dice(output, target)
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


def main() -> None:
    torch.set_num_threads(1)
    for title, name, arguments, size in NETWORKS:
        extents = tuple(extent // 2 for extent in size) if "--quick" in sys.argv and len(size) == 2 else size
        wrapped = robustq.wrap(name, "none", **arguments).train()
        bare = deepcopy(wrapped.network)
        # The copy has the hooks of the wrapper; a bare network has none.
        for module in bare.modules():
            module._forward_hooks.clear()
            module._forward_pre_hooks.clear()
        images = torch.randn(2, 1, *extents)
        target = (images[:, 0] > 0).long()
        works = {"wrapped": step_of(wrapped, images, target), "bare": step_of(bare, images, target)}
        torch.manual_seed(0)
        first = works["wrapped"]()
        torch.manual_seed(0)
        assert abs(first - works["bare"]()) < 1e-5, "the wrapped network computes something else"
        seconds = in_turn(works, rounds=7)
        tell(
            f"training step, wrapped, {title}",
            "the bare network",
            ratio(seconds["wrapped"], seconds["bare"]),
            most=1.05,
            note=f"Bare {1000 * seconds['bare'].median:.0f} ms.",
            limit="The wrapper copies the images and the map at the bottleneck, so that neither changes in place.",
        )


if __name__ == "__main__":
    main()
