"""Finds the classes of MONAI's segmentation networks by their names, without importing anything by its name."""

import inspect

import monai.networks.nets as nets
from torch import nn

from robustq.errors import RequestError

CLASSES = ("out_channels", "num_classes")
"""Names that MONAI's networks have for the number of output channels."""


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
