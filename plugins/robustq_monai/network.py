"""Registers all segmentation networks of MONAI as one architecture, and reads MONAI bundles."""

import inspect
from pathlib import Path
from typing import Any

import monai.networks.nets as nets
from torch import nn

from robustq.errors import RequestError
from robustq.model.pretrained import Trained
from robustq_monai.architecture import MonaiArchitecture

CLASSES = ("out_channels", "num_classes")
"""Names that MONAI's networks have for the number of output channels."""


class MonaiNetwork:
    """Any segmentation network of MONAI, by the name of its class.

    `monai:NAME` is one of them with defaults for its settings. `monai:FOLDER` is a trained one.
    """

    __name__ = "monai"

    def __call__(
        self, *, in_channels: int = 1, classes: int = 2, dims: int = 2, net: str = "BasicUNet", **settings: Any
    ) -> nn.Module:
        """A network with fresh weights.

        Args:
            in_channels: channels of the image.
            classes: output channels, background included.
            dims: 2 or 3.
            net: name of a class in monai.networks.nets.
            **settings: settings of the class, as MONAI names them.

        Raises:
            RequestError: there is no such network, or it does not take the settings.
        """
        factory, names = network_class(net)
        if "pretrained" in inspect.signature(factory).parameters:
            settings["pretrained"] = False  # otherwise MONAI downloads weights
        return MonaiArchitecture(factory, names)(in_channels=in_channels, classes=classes, dims=dims, **settings)

    def read(self, path: str, *, trust: bool = False) -> Trained:
        """Read a MONAI bundle; see `robustq_monai.bundle.read_bundle`.

        Args:
            path: the folder of the bundle.
            trust: whether the expressions ($...) in its configuration may be evaluated, which can run any code.

        Raises:
            RequestError: the folder cannot be used.
        """
        from robustq_monai.bundle import read_bundle

        return read_bundle(Path(path), trust=trust)


def network_class(name: str) -> tuple[type[nn.Module], tuple[str, str, str]]:
    """A network of MONAI, and the names that it has for the spatial axes, the image channels and the output channels.

    Nothing is imported by its name.

    Args:
        name: name of the class, with or without its module in monai.networks.nets.

    Raises:
        RequestError: the name is none of a segmentation network of MONAI.
    """
    package, _, last = name.rpartition(".")
    known = package in ("", "monai.networks.nets") or package.startswith("monai.networks.nets.")
    factory = vars(nets).get(last) if known else None
    if isinstance(factory, type) and issubclass(factory, nn.Module):
        parameters = inspect.signature(factory).parameters
        classes = next((each for each in CLASSES if each in parameters), None)
        if classes is not None and {"spatial_dims", "in_channels"} <= set(parameters):
            return factory, ("spatial_dims", "in_channels", classes)
    raise RequestError(
        f"{name!r} is no segmentation network of monai.networks.nets: give a class of it with spatial_dims, "
        "in_channels and out_channels, such as UNet, or build the network in a file of your own (--model-file "
        "FILE.py:FUNCTION)"
    )


monai_network = MonaiNetwork()
"""Any segmentation network of MONAI (--set net=CLASS), in 2D and 3D; monai:FOLDER is a trained MONAI bundle."""
