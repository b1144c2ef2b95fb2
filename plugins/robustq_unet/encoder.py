"""The encoder of the UNet."""

from itertools import pairwise

from torch import Tensor, nn

from robustq_unet.block import CONVOLUTION, ResidualBlock


class Encoder(nn.Module):
    """One residual block for each scale; a 3×3 convolution with stride 2 doubles the channels between scales.

    Maps images (B, in_channels, *S) to a list of feature maps from fine to coarse. Scale i has channels[i] channels,
    and the extents of the image divided by 2^i, rounded up.
    """

    def __init__(self, in_channels: int, channels: list[int], *, dims: int, groups: int) -> None:
        super().__init__()
        convolution = CONVOLUTION[dims]
        entries = [convolution(in_channels, channels[0], 3, padding=1)]
        entries += [convolution(fine, coarse, 3, stride=2, padding=1) for fine, coarse in pairwise(channels)]
        self.entries = nn.ModuleList(entries)
        self.blocks = nn.ModuleList([ResidualBlock(width, width, dims=dims, groups=groups) for width in channels])

    def forward(self, images: Tensor) -> list[Tensor]:
        """The feature maps of all scales, the bottleneck last."""
        features: list[Tensor] = []
        for entry, block in zip(self.entries, self.blocks, strict=True):
            images = block(entry(images))
            features.append(images)
        return features
