"""The contract of an architecture: a registered name that builds a network on any machine."""

from typing import Any, Protocol, runtime_checkable

from torch import nn


class Architecture(Protocol):
    """A class of nn.Module, or any callable that returns an nn.Module, which builds a segmentation network.

    Beside the three arguments below, it may take settings. They have defaults and are JSON values: the bundle stores
    them, and the network is rebuilt from them.

    It may also declare where its networks are cut (`DeclaresSite`), and which of its settings only choose the first
    weights (`DeclaresFirstWeights`).
    """

    def __call__(self, *, in_channels: int, classes: int, dims: int, **settings: Any) -> nn.Module:
        """A fresh network, from images (B, in_channels, *S) to class scores (B, classes, *S).

        Raises:
            RequestError: the architecture does not take a setting or the number of dimensions.
        """
        ...


@runtime_checkable
class DeclaresSite(Protocol):
    """An architecture or a network that declares its site. If neither declares one, the site is found by probing."""

    site: str
    """Dotted name of the submodule that is cut. Its output is a feature map (B, C, *T), tokens on a grid, or a list of
    feature maps: the last map is the bottleneck, and the others are the skips."""


@runtime_checkable
class DeclaresFirstWeights(Protocol):
    """An architecture with settings that only choose the weights of a fresh network.

    A network that is rebuilt from a bundle leaves these settings at their defaults, because the bundle holds its
    weights.
    """

    first_weights: tuple[str, ...]
    """Names of these settings, such as `encoder_weights`."""
