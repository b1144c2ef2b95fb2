"""Registers all segmentation networks of MONAI as one architecture, and reads MONAI bundles."""

import inspect
from pathlib import Path
from typing import Any

from torch import nn

from robustq.model.pretrained import Trained
from robustq_monai.architecture import MonaiArchitecture
from robustq_monai.classes import network_class


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


monai_network = MonaiNetwork()
"""Any segmentation network of MONAI (--set net=CLASS), in 2D and 3D; monai:FOLDER is a trained MONAI bundle."""
