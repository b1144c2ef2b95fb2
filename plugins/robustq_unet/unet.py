"""The architecture `unet`: the paper's residual UNet, section 2.4."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from robustq.errors import RequestError
from robustq_unet.block import CONVOLUTION
from robustq_unet.decoder import Decoder
from robustq_unet.encoder import Encoder

PAPER_WIDTH = {2: 32, 3: 16}


class UNet(nn.Module):
    """The residual UNet of the paper, in 2D and 3D.

    Each scale has one pre-activation residual block with group normalisation and Swish (section 2.4).

    Any image size is possible: the image is padded at its far ends to a multiple of 2^(scales - 1) by repeating its
    border, and the logits are cropped back.

    Args:
        in_channels: channels of the image.
        classes: output channels, background included.
        dims: 2 or 3 spatial axes.
        width: channels of the first scale, doubled at each further scale; by default the paper's, 32 in 2D (up to
            512) and 16 in 3D (up to 256).
        scales: number of resolutions, the bottleneck included.
        groups: number of groups of every group normalisation; it divides the width.

    Raises:
        RequestError: a setting cannot be used; the message says which values can.
    """

    site: ClassVar[str] = "encoder"

    def __init__(
        self,
        *,
        in_channels: int = 1,
        classes: int = 2,
        dims: int = 2,
        width: int | None = None,
        scales: int = 5,
        groups: int = 8,
    ) -> None:
        super().__init__()
        if dims not in CONVOLUTION:
            raise RequestError(f"unet cannot have dims={dims}: give 2 or 3 spatial axes")
        width = PAPER_WIDTH[dims] if width is None else width
        for name, value in {"in_channels": in_channels, "classes": classes, "width": width, "groups": groups}.items():
            if value < 1:
                raise RequestError(f"unet cannot have {name}={value}: give 1 or more")
        if scales < 2:
            raise RequestError(f"unet cannot have scales={scales}: give 2 or more, so that it has a bottleneck")
        if width % groups:
            divisors = [str(number) for number in range(1, width + 1) if width % number == 0]
            raise RequestError(
                f"groups={groups} do not divide the unet's width of {width} channels: choose from {', '.join(divisors)}"
            )
        channels = [width * 2**scale for scale in range(scales)]
        self.multiple = 2 ** (scales - 1)
        self.encoder: nn.Module = Encoder(in_channels, channels, dims=dims, groups=groups)
        self.decoder = Decoder(channels, dims=dims, groups=groups)
        self.head = nn.Sequential(nn.GroupNorm(groups, width), nn.SiLU(), CONVOLUTION[dims](width, classes, 1))

    def forward(self, images: Float[Tensor, "b c *s"]) -> Float[Tensor, "b classes *s"]:
        """Logits (B, classes, *S) of images (B, in_channels, *S)."""
        size = images.shape[2:]
        # F.pad starts with the last axis and takes a pair (before, after) for each.
        margins = [margin for extent in reversed(size) for margin in (0, -extent % self.multiple)]
        logits: Tensor = self.head(self.decoder(self.encoder(F.pad(images, margins, mode="replicate"))))
        for axis, extent in enumerate(size, start=2):
            logits = logits.narrow(axis, 0, extent)
        return logits
