"""Reads off the first convolution of a network which images it takes."""

import re

from torch import nn

_CONVOLUTION = re.compile(r"Conv(?:Transpose)?([23])d")


def first_convolution(network: nn.Module) -> tuple[int | None, int | None]:
    """The spatial axes and the channels of the images that the first convolution of a network takes; None for both
    without a convolution."""
    for module in network.modules():
        # TorchScript keeps the name of the class that was compiled.
        match = _CONVOLUTION.match(str(getattr(module, "original_name", type(module).__name__)))
        if match is not None:
            return int(match[1]), int(module.in_channels)  # type: ignore[arg-type]
    return None, None
