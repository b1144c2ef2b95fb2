"""Turns a volume into a stack of slices for 2D models, and back."""

from jaxtyping import Shaped
from torch import Tensor


def slice_axis(spacing: tuple[float, ...]) -> int:
    """The axis along which a volume is sliced: the axis with the coarsest spacing, the last among equals."""
    return max(range(len(spacing)), key=lambda axis: (spacing[axis], axis))


def to_slices(volume: Shaped[Tensor, "c x y z"], axis: int) -> Shaped[Tensor, "n c h w"]:
    """The slices of a volume along a spatial axis, in order."""
    return volume.movedim(axis + 1, 0)


def from_slices(slices: Shaped[Tensor, "n c h w"], axis: int) -> Shaped[Tensor, "c x y z"]:
    """The volume of these slices; undoes `to_slices`."""
    return slices.movedim(0, axis + 1)
