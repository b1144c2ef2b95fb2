"""What is inserted where a network is cut: a quantiser between two projections."""

from collections.abc import Sequence

from torch import nn

from robustq.quantiser import AbstractQuantiser
from robustq.request.quantise import Quantise

SKIPS = ("keep", "drop", "quantise")


class Bottleneck(nn.Module):
    """A quantiser between two 1×1 projections, C→D before and D→C after (docs/definitions.md, Symbols).

    The segmenter runs projection, quantiser and projection on a feature map (B, C, *T), and keeps what comes between.

    Args:
        quantiser: the module between the projections.
        channels: C, the number of channels of the feature map.
        dims: number of spatial axes of the feature map.
    """

    def __init__(self, quantiser: AbstractQuantiser, *, channels: int, dims: int) -> None:
        super().__init__()
        self.channels = channels
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dims]
        self.project_in = convolution(channels, quantiser.dimension, 1)
        self.quantiser: AbstractQuantiser = quantiser
        self.project_out = convolution(quantiser.dimension, channels, 1)


def build_bottlenecks(quantise: Quantise, channels: Sequence[int], *, dims: int) -> nn.ModuleList:
    """Fresh bottlenecks, one for each feature map to quantise, whose channels are given; `none` gives no bottleneck."""
    if quantise.name == "none":
        return nn.ModuleList()
    bottlenecks = nn.ModuleList()
    for channel_count in channels:
        quantiser = quantise.build()
        assert quantiser is not None, "only `none` builds nothing"
        bottlenecks.append(Bottleneck(quantiser, channels=channel_count, dims=dims))
    return bottlenecks
