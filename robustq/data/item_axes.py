"""Finds the channels of an image in memory, beside its mask."""

import numpy as np
from jaxtyping import Shaped

from robustq.errors import CaseError
from robustq.shapes import by

COLOURS = 3
"""Number of channels of an RGB image."""


def channels_first(
    image: Shaped[np.ndarray, "..."], mask: Shaped[np.ndarray, "..."] | None, turned: bool
) -> tuple[Shaped[np.ndarray, "c *s"], Shaped[np.ndarray, "*t"] | None]:
    """The image (C, *S), and the mask without an axis for its channel. The mask's shape says where the channels are.

    Args:
        image: (*S), (C, *S) or (*S, C).
        mask: (*S), (1, *S) or (*S, 1); or None, then the image is (C, *S), or (*S) with two axes.
        turned: whether the mask may have its axes in another order than the image.

    Raises:
        CaseError: the shapes do not fit, or it is ambiguous which axis holds channels.
    """
    if mask is None:
        if image.ndim == 2:
            return image[None], None
        if image.ndim not in (3, 4):
            raise CaseError(f"the image has the shape {by(image.shape)} and there is no mask: give an image (C, *S)")
        return image, None
    if mask.ndim in (3, 4) and image.ndim <= mask.ndim:
        if mask.shape[0] == 1:
            mask = mask[0]
        elif mask.shape[-1] == 1 and image.shape[: mask.ndim - 1] == mask.shape[:-1]:
            mask = mask[..., 0]
    # A mask of which the image has one more axis is a mask of the image's grid, whatever its values.
    if image.ndim <= mask.ndim and is_one_hot(mask):
        raise CaseError(
            f"the mask has the shape {by(mask.shape)} and a layer for each label: give one integer for each pixel, "
            "such as mask.argmax(0)"
        )
    if mask.ndim not in (2, 3):
        raise CaseError(f"the mask has the shape {by(mask.shape)}: give one value for each pixel, two or three axes")
    if image.shape == mask.shape and colour_axis(mask) is not None:
        raise CaseError(
            f"image and mask have the shape {by(mask.shape)}, and the mask's {COLOURS} layers are equal, so that they "
            "may be colours or slices: give a mask of two axes for an RGB image, or give volumes as "
            f"{by((1, *mask.shape))}"
        )
    for fits in (tuple, sorted) if turned else (tuple,):
        first, last = (
            image.ndim == mask.ndim + 1 and fits(shape) == fits(mask.shape)
            for shape in (image.shape[1:], image.shape[:-1])
        )
        if first and last:
            raise CaseError(
                f"the image has the shape {by(image.shape)}, so that its channels may come first or last: crop it, so "
                "that its height is not its number of channels"
            )
        if first:
            return image, mask
        if last:
            return np.moveaxis(image, -1, 0), mask
        if fits(image.shape) == fits(mask.shape):
            return image[None], mask
    raise CaseError(
        f"the image has the shape {by(image.shape)}, the mask {by(mask.shape)}, and they do not fit: give a mask with "
        "the extents of the image, whose channels are its first or its last axis"
    )


def is_one_hot(mask: Shaped[np.ndarray, "..."]) -> bool:
    """Whether the first or the last axis of a mask has a layer for each label: exactly one of them holds 1."""
    if mask.ndim < 3 or not np.isin(mask, (0, 1)).all():
        return False
    return any(mask.shape[axis] > 1 and bool((mask.sum(axis=axis) == 1).all()) for axis in (0, -1))


def colour_axis(mask: Shaped[np.ndarray, "..."]) -> int | None:
    """The axis, first or last, along which a mask of three axes has three equal layers; None if there is none."""
    if mask.ndim != COLOURS:
        return None
    equal = (axis for axis in (0, -1) if mask.shape[axis] == COLOURS and (mask == mask.take([0], axis=axis)).all())
    return next(equal, None)
