"""The contract of an architecture: a name from which a network can be built anywhere."""

from typing import Any, Protocol

from torch import nn


class Architecture(Protocol):
    """Builds a segmentation network by name: an nn.Module's class, or any callable that returns one.

    Its settings, beside the three below, have defaults and are JSON values: the bundle stores them and rebuilds the
    network from them.

    It may declare `site`, as may the network it returns: the dotted name of the submodule whose output is cut at. That
    output is a feature map (B, C, *T), tokens on a grid, or a list of feature maps of which the last is the bottleneck
    and the others are the skips. Undeclared, the site is found by probing.
    """

    def __call__(self, *, in_channels: int, classes: int, dims: int, **settings: Any) -> nn.Module:
        """A fresh network, from images (B, in_channels, *S) to class scores (B, classes, *S).

        Raises:
            RequestError: a setting, or the number of dimensions, is not one it takes.
        """
        ...
