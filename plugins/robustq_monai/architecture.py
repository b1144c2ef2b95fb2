"""Registers MONAI's networks as architectures."""

import inspect
from collections.abc import Callable
from typing import Any

import monai.networks.nets as nets
from torch import nn

from robustq.errors import RequestError


class MonaiArchitecture:
    """One of MONAI's networks, in 2D and 3D.

    The network is the library's own, unchanged. The site where it is cut depends on its settings, so it is found by
    probing.

    Args:
        factory: class of the network.
        names: names of the arguments for (dims, in_channels, classes) in this class.
        defaults: values for settings that the class requires without a default; users can change them.
    """

    def __init__(
        self,
        factory: Callable[..., nn.Module],
        names: tuple[str, str, str] = ("spatial_dims", "in_channels", "out_channels"),
        **defaults: Any,
    ) -> None:
        self.factory, self.names, self.defaults = factory, names, defaults
        self.__name__ = f"monai:{factory.__name__.lower()}"

    def __call__(self, *, in_channels: int = 1, classes: int = 2, dims: int = 2, **settings: Any) -> nn.Module:
        """A network with fresh weights.

        Args:
            in_channels: channels of the image.
            classes: output channels, background included.
            dims: 2 or 3.
            **settings: settings of the class, as MONAI names them; lists may be written as JSON.

        Raises:
            RequestError: a setting does not exist, or does not fit the other settings.
        """
        parameters = inspect.signature(self.factory).parameters
        wrong = sorted(set(settings) - (set(parameters) - set(self.names)))
        if wrong:
            accepted = ", ".join(name for name in parameters if name not in self.names)
            raise RequestError(f"{self.__name__} has no setting {', '.join(wrong)}: it takes {accepted}")
        defaults = {name: [value] * dims if name == "img_size" else value for name, value in self.defaults.items()}
        given = dict(zip(self.names, (dims, in_channels, classes), strict=True))
        try:
            return self.factory(**{**defaults, **settings, **given})
        except (ValueError, TypeError, AssertionError, RuntimeError, KeyError, NotImplementedError) as error:
            raise RequestError(f"{self.__name__} cannot be built with these settings: {error}") from error


unet = MonaiArchitecture(nets.UNet, channels=(32, 64, 128, 256, 512), strides=(2, 2, 2, 2), num_res_units=2)
"""MONAI's UNet with residual units, in 2D and 3D."""
basicunet = MonaiArchitecture(nets.BasicUNet)
"""MONAI's BasicUNet, a UNet of plain convolutions, in 2D and 3D."""
dynunet = MonaiArchitecture(nets.DynUNet, kernel_size=[3] * 5, strides=[1, 2, 2, 2, 2], upsample_kernel_size=[2] * 4)
"""MONAI's DynUNet, a UNet laid out as nnU-Net does, in 2D and 3D."""
segresnet = MonaiArchitecture(nets.SegResNet)
"""MONAI's SegResNet, a residual encoder and a light decoder (Myronenko 2018), in 2D and 3D."""
attentionunet = MonaiArchitecture(nets.AttentionUnet, channels=(32, 64, 128, 256, 512), strides=(2, 2, 2, 2))
"""MONAI's AttentionUnet, a UNet whose skips pass attention gates (Oktay et al. 2018), in 2D and 3D."""
vnet = MonaiArchitecture(nets.VNet, bias=True)
"""MONAI's VNet, a residual UNet made for volumes (Milletari et al. 2016), in 2D and 3D."""
swinunetr = MonaiArchitecture(nets.SwinUNETR, feature_size=24)
"""MONAI's SwinUNETR, a Swin transformer as the encoder of a UNet (Hatamizadeh et al. 2022), in 2D and 3D."""
unetr = MonaiArchitecture(nets.UNETR, img_size=96)
"""MONAI's UNETR, a vision transformer as the encoder of a UNet (Hatamizadeh et al. 2022), in 2D and 3D."""
