"""Where a network is cut, and what is inserted there."""

from collections.abc import Sequence

from torch import Tensor, nn

from robustq.quantiser import AbstractQuantiser, Quantised
from robustq.request.quantise import Quantise

SKIPS = ("keep", "drop", "quantise")


class Bottleneck(nn.Module):
    """A quantiser between two 1×1 projections, C→D before and D→C after (definitions: symbols).

    Maps a feature map (B, C, *T) to one of the same shape.

    Args:
        quantiser: what stands between the projections.
        channels: C.
        dims: spatial axes of the feature map.
    """

    def __init__(self, quantiser: AbstractQuantiser, *, channels: int, dims: int) -> None:
        super().__init__()
        self.channels = channels
        convolution = {2: nn.Conv2d, 3: nn.Conv3d}[dims]
        self.project_in = convolution(channels, quantiser.dimension, 1)
        self.quantiser: AbstractQuantiser = quantiser
        self.project_out = convolution(quantiser.dimension, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """The feature map with its tokens quantised; the quantiser's loss is dropped."""
        quantised: Quantised = self.quantiser(self.project_in(features))
        restored: Tensor = self.project_out(quantised.quantised)
        return restored


def build_bottlenecks(quantise: Quantise, channels: Sequence[int], *, dims: int) -> nn.ModuleList:
    """Fresh bottlenecks, one for each feature map to quantise, given its channels; none for `none`."""
    if quantise.name == "none":
        return nn.ModuleList()
    bottlenecks = nn.ModuleList()
    for count in channels:
        quantiser = quantise.build()
        assert quantiser is not None, "only `none` builds nothing"
        bottlenecks.append(Bottleneck(quantiser, channels=count, dims=dims))
    return bottlenecks
