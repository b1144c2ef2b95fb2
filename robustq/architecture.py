"""The contract of an architecture: a name from which a network can be built anywhere."""

from typing import Any, Protocol, runtime_checkable

from torch import nn


class Architecture(Protocol):
    """Builds a segmentation network by name: an nn.Module's class, or any callable that returns one.

    Its settings, beside the three below, have defaults and are JSON values: the bundle stores them and rebuilds the
    network from them.

    It may also declare where its networks are cut (`DeclaresSite`) and which of its settings only choose the first
    weights (`DeclaresFirstWeights`).
    """

    def __call__(self, *, in_channels: int, classes: int, dims: int, **settings: Any) -> nn.Module:
        """A fresh network, from images (B, in_channels, *S) to class scores (B, classes, *S).

        Raises:
            RequestError: a setting, or the number of dimensions, is not one it takes.
        """
        ...


@runtime_checkable
class DeclaresSite(Protocol):
    """An architecture, or a network, that says where it is cut. Where neither does, the site is found by probing."""

    site: str
    """Dotted name of the submodule that is cut. Its output is a feature map (B, C, *T), tokens on a grid, or a list of
    feature maps of which the last is the bottleneck and the others are the skips."""


@runtime_checkable
class DeclaresFirstWeights(Protocol):
    """An architecture some of whose settings only say which weights a fresh network starts from.

    A network that is rebuilt from a bundle leaves them at their defaults, because the bundle holds its weights.
    """

    first_weights: tuple[str, ...]
    """Names of these settings, such as `encoder_weights`."""
