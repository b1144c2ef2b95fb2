"""The decoder of the UNet."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustq_unet.block import ResidualBlock


class Decoder(nn.Module):
    """One residual block for each scale; its input is the coarser scale, linearly upsampled, joined with the skip.

    Maps the encoder's list of feature maps to (B, channels[0], *S).
    """

    def __init__(self, channels: list[int], *, dims: int, groups: int) -> None:
        super().__init__()
        self.mode = {2: "bilinear", 3: "trilinear"}[dims]
        self.blocks = nn.ModuleList(
            [
                ResidualBlock(coarse + fine, fine, dims=dims, groups=groups)
                for fine, coarse in reversed(list(pairwise(channels)))
            ]
        )

    def forward(self, features: list[Tensor]) -> Tensor:
        """The feature map of the finest scale, from those of all scales."""
        *skips, coarse = features
        for block, skip in zip(self.blocks, reversed(skips), strict=True):
            upsampled = F.interpolate(coarse, size=skip.shape[2:], mode=self.mode, align_corners=False)
            coarse = block(torch.cat([upsampled, skip], dim=1))
        return coarse
