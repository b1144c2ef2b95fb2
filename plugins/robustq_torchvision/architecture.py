"""torchvision's segmentation networks by name."""

from typing import Any

from torch import nn
from torchvision.models import get_model

from robustq.errors import RequestError


class TorchvisionArchitecture:
    """One of torchvision's segmentation networks; its output is a dict, of which `out` is the answer.

    The network is the library's own, but for its first convolution where the image has not three channels: that one
    is drawn afresh. It is cut at the backbone's last feature map.

    Args:
        name: as `torchvision.models.get_model` knows it.
    """

    site = "backbone"
    first_weights = ("encoder_weights",)

    def __init__(self, name: str) -> None:
        self.name = name
        self.__name__ = f"torchvision:{name}"

    def __call__(
        self,
        *,
        in_channels: int = 3,
        classes: int = 2,
        dims: int = 2,
        encoder_weights: str | None = None,
        aux_loss: bool = False,
    ) -> nn.Module:
        """A fresh network.

        Args:
            in_channels: channels of the image.
            classes: output channels, background included.
            dims: 2; the library has no 3D networks.
            encoder_weights: of the backbone, None for random ones; a name such as "DEFAULT" lets the library download
                them.
            aux_loss: give the auxiliary output too, under `aux` (not for lraspp).

        Raises:
            RequestError: dims is 3, or a setting does not exist for this network.
        """
        if dims != 2:
            raise RequestError(
                f"torchvision:{self.name} is 2D and dims={dims} was asked: a 2D model reads volumes by slices"
            )
        settings: dict[str, Any] = {"aux_loss": True} if aux_loss else {}
        try:
            network: nn.Module = get_model(
                self.name, weights=None, weights_backbone=encoder_weights, num_classes=classes, **settings
            )
        except (ValueError, TypeError, KeyError) as error:
            raise RequestError(f"torchvision:{self.name} cannot be built so: {error}") from error
        if in_channels != 3:
            _other_channels(network, in_channels)
        return network


def _other_channels(network: nn.Module, in_channels: int) -> None:
    name, first = next((name, module) for name, module in network.named_modules() if isinstance(module, nn.Conv2d))
    convolution = nn.Conv2d(
        in_channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    parent, _, attribute = name.rpartition(".")
    # The backbone is a ModuleDict that keeps its order when an entry is replaced.
    network.get_submodule(parent)._modules[attribute] = convolution


fcn_resnet50 = TorchvisionArchitecture("fcn_resnet50")
"""torchvision's FCN, a fully convolutional network on a ResNet-50."""
fcn_resnet101 = TorchvisionArchitecture("fcn_resnet101")
"""torchvision's FCN, a fully convolutional network on a ResNet-101."""
deeplabv3_resnet50 = TorchvisionArchitecture("deeplabv3_resnet50")
"""torchvision's DeepLabV3, dilated convolutions of several rates, on a ResNet-50."""
deeplabv3_resnet101 = TorchvisionArchitecture("deeplabv3_resnet101")
"""torchvision's DeepLabV3, dilated convolutions of several rates, on a ResNet-101."""
deeplabv3_mobilenet = TorchvisionArchitecture("deeplabv3_mobilenet_v3_large")
"""torchvision's DeepLabV3, dilated convolutions of several rates, on a MobileNetV3-Large."""
lraspp_mobilenet = TorchvisionArchitecture("lraspp_mobilenet_v3_large")
"""torchvision's LR-ASPP, a small and fast network on a MobileNetV3-Large."""
