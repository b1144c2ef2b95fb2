"""The contract of an architecture: a name from which a network can be built anywhere."""

from typing import ClassVar, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Architecture(Protocol):
    """A segmentation network that robustq can build by name.

    It is any nn.Module whose constructor takes `in_channels`, `classes` and `dims` as keywords, besides settings of
    its own with defaults, all JSON values: the bundle stores them and rebuilds the network from them.
    """

    site: ClassVar[str]
    """Dotted name of the submodule whose output is cut at: a feature map (B, C, *T), or a list of feature maps
    from fine to coarse, of which the last is the bottleneck and the others are the skips."""

    def __call__(self, images: Tensor) -> Tensor:
        """From images (B, in_channels, *S) to logits (B, classes, *S)."""
        ...
