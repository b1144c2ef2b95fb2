"""Registers the decoders of segmentation-models-pytorch as architectures."""

from difflib import get_close_matches
from typing import Any

import segmentation_models_pytorch as smp
from torch import nn

from robustq.errors import RequestError
from robustq.network.build import require_2d


class SmpArchitecture:
    """One decoder of segmentation-models-pytorch; its encoder is a setting.

    The network is the library's own, unchanged: the names in its state dict stay, and it refuses the same image sizes.
    It is cut at the encoder's last feature map; the other feature maps are the skips.

    Args:
        name: name of the decoder in `segmentation_models_pytorch.create_model`.
    """

    site = "encoder"
    first_weights = ("encoder_weights",)

    def __init__(self, name: str) -> None:
        self.name = name
        self.__name__ = f"smp:{name}"

    def __call__(
        self,
        *,
        in_channels: int = 1,
        classes: int = 2,
        dims: int = 2,
        encoder: str = "resnet34",
        encoder_weights: str | None = None,
        **settings: Any,
    ) -> nn.Module:
        """A network with fresh weights.

        Args:
            in_channels: channels of the image.
            classes: output channels, background included.
            dims: 2; the library has no 3D networks.
            encoder: one of the library's encoders, or `tu-NAME` for any encoder of timm.
            encoder_weights: None for random weights; a name such as "imagenet" lets the library download weights.
            **settings: settings of the decoder, as the library names them.

        Raises:
            RequestError: the encoder does not exist, the settings do not fit it, or dims is 3.
        """
        require_2d(self.__name__, dims)
        if self.name == "dpt":
            # DPT needs a vision transformer; without a fixed size it takes any multiple of its patch.
            encoder = "tu-vit_tiny_patch16_224" if encoder == "resnet34" else encoder
            settings.setdefault("dynamic_img_size", True)
        _check(encoder)
        try:
            network: nn.Module = smp.create_model(
                self.name,
                encoder_name=encoder,
                encoder_weights=encoder_weights,
                in_channels=in_channels,
                classes=classes,
                **settings,
            )
        except (KeyError, ValueError, TypeError, RuntimeError, NotImplementedError) as error:
            raise RequestError(f"smp:{self.name} with encoder {encoder} cannot be built: {error}") from error
        return network


def _check(encoder: str) -> None:
    if encoder.startswith("tu-"):
        import timm

        names = timm.list_models()
        name = encoder.removeprefix("tu-").split(".")[0]
        near = [f"tu-{match}" for match in get_close_matches(name, names, n=3)]
    else:
        names = smp.encoders.get_encoder_names()
        name = encoder
        near = get_close_matches(name, names, n=3) or ["resnet34", "mit_b0", "tu-convnext_tiny"]
    if name not in names:
        raise RequestError(
            f"unknown encoder {encoder!r}: did you mean {' or '.join(near) or 'resnet34'}? Give an encoder of smp "
            "by its name, and one of timm as tu-NAME"
        )


unet = SmpArchitecture("unet")
"""UNet with any encoder of segmentation-models-pytorch or timm (Ronneberger et al. 2015)."""
unetplusplus = SmpArchitecture("unetplusplus")
"""UNet++, a UNet whose skips pass further convolutions (Zhou et al. 2018)."""
manet = SmpArchitecture("manet")
"""MA-Net, a UNet with attention over places and channels (Fan et al. 2020)."""
linknet = SmpArchitecture("linknet")
"""LinkNet, a small and fast relative of the UNet that adds its skips (Chaurasia and Culurciello 2017)."""
fpn = SmpArchitecture("fpn")
"""FPN, a feature pyramid: maps of all scales are merged and added up (Kirillov et al. 2019)."""
pspnet = SmpArchitecture("pspnet")
"""PSPNet, pyramid pooling of one coarse feature map (Zhao et al. 2017)."""
pan = SmpArchitecture("pan")
"""PAN, a pyramid with attention (Li et al. 2018)."""
deeplabv3 = SmpArchitecture("deeplabv3")
"""DeepLabV3, dilated convolutions of several rates on one feature map (Chen et al. 2017)."""
deeplabv3plus = SmpArchitecture("deeplabv3plus")
"""DeepLabV3+, DeepLabV3 with a decoder that takes in fine features (Chen et al. 2018)."""
upernet = SmpArchitecture("upernet")
"""UPerNet, pyramid pooling and a feature pyramid together (Xiao et al. 2018)."""
segformer = SmpArchitecture("segformer")
"""SegFormer, a light decoder of linear layers, made for transformer encoders (Xie et al. 2021)."""
dpt = SmpArchitecture("dpt")
"""DPT, a decoder for vision transformers (Ranftl et al. 2021)."""
