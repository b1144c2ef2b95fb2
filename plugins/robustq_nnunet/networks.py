"""The networks that nnU-Net builds, and the settings that describe them."""

from typing import Any

from dynamic_network_architectures.architectures.unet import PlainConvUNet, ResidualEncoderUNet
from dynamic_network_architectures.building_blocks.residual import BasicBlockD, BottleneckD
from torch import nn

from robustq.errors import RequestError

NETWORKS: dict[str, type[nn.Module]] = {"PlainConvUNet": PlainConvUNet, "ResidualEncoderUNet": ResidualEncoderUNet}
OPERATIONS = ("conv_op", "norm_op", "dropout_op", "nonlin")
"""Settings that name a class of torch.nn, such as torch.nn.modules.conv.Conv2d (as in plans.json) or Conv2d."""

BLOCKS: dict[str, type[nn.Module]] = {"BasicBlockD": BasicBlockD, "BottleneckD": BottleneckD}
MOST_FEATURES = {2: 512, 3: 320}
"""Largest number of features, where nnU-Net stops doubling them."""


def defaults(variant: str, dims: int, stages: int) -> dict[str, Any]:
    """The default settings of a network with `stages` resolutions, as nnU-Net's plans have them."""
    blocks = "n_conv_per_stage" if variant == "PlainConvUNet" else "n_blocks_per_stage"
    return {
        "features_per_stage": [min(32 * 2**stage, MOST_FEATURES[dims]) for stage in range(stages)],
        "conv_op": f"Conv{dims}d",
        "kernel_sizes": 3,
        "strides": [1] + [2] * (stages - 1),
        blocks: 2,
        "n_conv_per_stage_decoder": 2,
        "conv_bias": True,
        "norm_op": f"InstanceNorm{dims}d",
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": "LeakyReLU",
        "nonlin_kwargs": {"inplace": True},
    }


def resolved(name: str, value: Any) -> Any:
    """The value of a setting, with a class in place of the class's name."""
    if value is None or (name not in OPERATIONS and name != "block"):
        return value
    package, _, last = str(value).rpartition(".")
    if name == "block":
        layer = BLOCKS.get(last)
    else:
        layer = getattr(nn, last, None) if package in ("", "torch.nn") or package.startswith("torch.nn.") else None
    if not (isinstance(layer, type) and issubclass(layer, nn.Module)):
        accepted = "BasicBlockD or BottleneckD" if name == "block" else "a class of torch.nn"
        raise RequestError(f"{name}={value!r} names no layer that nnunet can use: give {accepted}")
    return layer
