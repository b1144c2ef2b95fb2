"""The architecture `transunet`: the paper's UNet with a transformer at its bottleneck."""

from torch import nn

from robustq.errors import RequestError
from robustq_unet.transformer import Transformer
from robustq_unet.unet import PAPER_WIDTH, UNet


class TransUNet(UNet):
    """The residual UNet with transformer blocks at its bottleneck, after TransUNet; in 2D and 3D.

    The network is cut after the transformer. Source: Chen et al., TransUNet, 2021.

    Args:
        in_channels: channels of the image.
        classes: output channels, background included.
        dims: 2 or 3 spatial axes.
        width: channels of the first scale; by default the paper's.
        scales: number of resolutions, the bottleneck included.
        groups: number of groups of every group normalisation; it divides the width.
        blocks: number of transformer blocks.
        heads: number of heads of each attention; it divides the bottleneck's channels.

    Raises:
        RequestError: a setting cannot be used; the message says which values can.
    """

    def __init__(
        self,
        *,
        in_channels: int = 1,
        classes: int = 2,
        dims: int = 2,
        width: int | None = None,
        scales: int = 5,
        groups: int = 8,
        blocks: int = 4,
        heads: int = 8,
    ) -> None:
        super().__init__(in_channels=in_channels, classes=classes, dims=dims, width=width, scales=scales, groups=groups)
        channels = (PAPER_WIDTH[dims] if width is None else width) * 2 ** (scales - 1)
        if blocks < 1 or heads < 1 or channels % heads:
            raise RequestError(
                f"transunet cannot have blocks={blocks} and heads={heads}: give 1 block or more, and a number of heads "
                f"that divides its {channels} channels at the bottleneck"
            )
        self.encoder = nn.Sequential(self.encoder, Transformer(channels, blocks=blocks, heads=heads))
