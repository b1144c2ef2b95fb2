"""Turns images and volumes into stacks of planes, and back."""

from jaxtyping import Float
from torch import Tensor

from robustq.shapes import Image


def to_planes(image: Image) -> Float[Tensor, "b c h w"]:
    """An image as one plane, a volume as its slices along the last axis."""
    return image[None] if image.ndim == 3 else image.movedim(-1, 0)


def from_planes(planes: Float[Tensor, "b c h w"], ndim: int) -> Image:
    """The image (ndim = 3) or volume (ndim = 4) that has these planes: the inverse of `to_planes`."""
    return planes[0] if ndim == 3 else planes.movedim(0, -1)
