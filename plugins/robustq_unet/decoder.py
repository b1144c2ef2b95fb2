"""The way up."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from robustq_unet.block import ResidualBlock


class Decoder(nn.Module):
    """One residual block a scale, fed by the coarser scale (linearly upsampled) and the skip, concatenated.

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
        """From the bottleneck back to the finest scale."""
        *skips, coarse = features
        for block, skip in zip(self.blocks, reversed(skips), strict=True):
            upsampled = F.interpolate(coarse, size=skip.shape[2:], mode=self.mode, align_corners=False)
            coarse = block(torch.cat([upsampled, skip], dim=1))
        return coarse
