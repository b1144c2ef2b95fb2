"""Registers torchvision's segmentation networks as architectures."""

from typing import Any

from torch import nn
from torchvision.models import get_model

from robustq.errors import RequestError
from robustq.network.build import require_2d


class TorchvisionArchitecture:
    """One of torchvision's segmentation networks. Its output is a dict, and the entry `out` is the answer.

    The network is the library's own. If the image does not have three channels, the first convolution is replaced by
    one with fresh weights. The network is cut at the backbone's last feature map.

    Args:
        name: name of the network in `torchvision.models.get_model`.
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
        """A network with fresh weights.

        Args:
            in_channels: channels of the image.
            classes: output channels, background included.
            dims: 2; the library has no 3D networks.
            encoder_weights: weights of the backbone: None for random weights; a name such as "DEFAULT" lets the library
                download weights.
            aux_loss: whether the output has an auxiliary entry `aux` too (not for lraspp).

        Raises:
            RequestError: dims is 3, or a setting does not exist for this network.
        """
        require_2d(self.__name__, dims)
        settings: dict[str, Any] = {"aux_loss": True} if aux_loss else {}
        try:
            network: nn.Module = get_model(
                self.name, weights=None, weights_backbone=encoder_weights, num_classes=classes, **settings
            )
        except NotImplementedError as error:
            raise RequestError(f"torchvision:{self.name} has no auxiliary loss: leave aux_loss out") from error
        except (ValueError, TypeError, KeyError) as error:
            raise RequestError(f"torchvision:{self.name} cannot be built with these settings: {error}") from error
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
