"""The residual block of each scale of the UNet."""

from torch import Tensor, nn

CONVOLUTION = {2: nn.Conv2d, 3: nn.Conv3d}


class ResidualBlock(nn.Module):
    """Pre-activation residual block (He et al., ECCV 2016) with group normalisation and Swish, section 2.4.

    Maps (B, in_channels, *T) to (B, out_channels, *T). If the numbers of channels differ, the shortcut is a 1×1
    convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *, dims: int, groups: int) -> None:
        super().__init__()
        convolution = CONVOLUTION[dims]
        self.residual = nn.Sequential(
            nn.GroupNorm(groups, in_channels),
            nn.SiLU(),
            convolution(in_channels, out_channels, 3, padding=1),
            nn.GroupNorm(groups, out_channels),
            nn.SiLU(),
            convolution(out_channels, out_channels, 3, padding=1),
        )
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else convolution(in_channels, out_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Add the residual to the shortcut."""
        return self.shortcut(features) + self.residual(features)  # type: ignore[no-any-return]
