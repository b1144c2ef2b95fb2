"""One item of data in memory: an image and its mask, as other libraries hand them over."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from robustq.dataset import own_range
from robustq.errors import CaseError
from robustq.shapes import by

IMAGE_NAMES = ("image", "img")
MASK_NAMES = ("mask", "label", "seg", "segmentation")
"""Entries of a mapping that hold the image and the mask, in the order in which they are looked for."""


@dataclass(frozen=True)
class Item:
    """What an item holds.

    Attributes:
        image: the image (C, *S), float32, or float64 where float32 would lose digits.
        mask: the integer values (*S), or None where there is no mask.
        intensity_range: (C, 2): 0 and 255 for 8-bit values, else the image's own extremes.
        spacing: extent of a voxel along each axis in mm, or None where the item does not say it.
    """

    image: Float[Tensor, "c *s"]
    mask: Integer[Tensor, "*s"] | None
    intensity_range: Float[Tensor, "c 2"]
    spacing: tuple[float, ...] | None


def read_item(item: Any) -> Item:
    """The image and the mask of an item: a pair, a mapping, or a `torchio.Subject`.

    Raises:
        CaseError: the item is something else, its shapes do not fit or are ambiguous, or values are not finite or not
            whole.
    """
    image, mask, spacing = _parts(item)
    if spacing is None:
        spacing = _affine_spacing(image)
    values = _array(image, "image")
    truth = None if mask is None else _array(mask, "mask")
    values, truth = _on_one_grid(values, truth)
    wide = values.astype(np.float64)
    if not np.isfinite(wide).all():
        raise CaseError("the image holds NaN or infinite values: mend or leave out the case")
    narrow = wide.astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(narrow if np.array_equal(narrow, wide) else wide))
    limits = own_range(tensor)
    if values.dtype == np.uint8:
        limits = torch.tensor([[0.0, 255.0]], dtype=torch.float64).repeat(len(values), 1)
    dims = values.ndim - 1
    return Item(tensor, None if truth is None else _labels(truth), limits, None if spacing is None else spacing[-dims:])


def _parts(item: Any) -> tuple[Any, Any, tuple[float, ...] | None]:
    """Image, mask and spacing of an item."""
    if (images := _images_of_subject(item)) is not None:  # a torchio.Subject, which may be a mapping too
        return _subject_parts(images)
    if isinstance(item, Mapping):
        image = next((item[name] for name in IMAGE_NAMES if name in item), None)
        if image is None:
            raise CaseError(f"an item has the entries {', '.join(map(str, item))}, and none is named image")
        mask = next((item[name] for name in MASK_NAMES if name in item), None)
        spacing = item.get("spacing")
        return image, mask, None if spacing is None else tuple(map(float, spacing))
    if isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 2:
        return item[0], item[1], None
    raise CaseError(
        f"an item is a {type(item).__name__}: give a pair (image, mask), or a mapping with the entries image and mask"
    )


def _images_of_subject(item: Any) -> dict[str, Any] | None:
    if "torchio" not in sys.modules:  # then nothing can be one of its subjects
        return None
    from robustq.data.torchio_adapter import images_of

    return images_of(item)


def _subject_parts(images: dict[str, Any]) -> tuple[Any, Any, tuple[float, ...] | None]:
    from robustq.data.torchio_adapter import is_label_map

    scalars = {name: image for name, image in images.items() if not is_label_map(image)}
    maps = {name: image for name, image in images.items() if name not in scalars}
    if len(scalars) != 1 or len(maps) > 1:
        raise CaseError(
            f"a subject has {len(scalars)} scalar images and {len(maps)} label maps ({', '.join(images)}): give "
            "subjects with one image and one label map"
        )
    (scalar,) = scalars.values()
    mask = next(iter(maps.values())).data if maps else None
    spacing = tuple(map(float, scalar.spacing))
    image = scalar.data
    if image.shape[-1] == 1:  # TorchIO has volumes only: a 2D image is one slice
        image, mask, spacing = image[..., 0], None if mask is None else mask[..., 0], spacing[:2]
    # An image that was made from a tensor has spacing 1 along each axis where nothing else was said.
    unknown = scalar.path is None and set(spacing) == {1.0}
    return image, mask, None if unknown else spacing


def _affine_spacing(image: Any) -> tuple[float, ...] | None:
    """The spacing in the affine that MONAI's tensors carry; None where there is none, or where it says nothing."""
    affine = getattr(image, "affine", None)
    if affine is None:
        return None
    matrix = np.asarray(affine, dtype=np.float64)
    if matrix.ndim != 2 or np.array_equal(matrix, np.eye(len(matrix))):
        return None
    return tuple(float(length) for length in np.linalg.norm(matrix[:3, :3], axis=0))


def _array(values: Any, what: str) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        # NumPy has no bfloat16.
        values = values.float() if values.dtype == torch.bfloat16 else values
        return np.asarray(values.as_subclass(Tensor).numpy())
    if isinstance(values, np.ndarray):
        return values
    raise CaseError(f"the {what} is a {type(values).__name__}: give an array or a tensor")


def _on_one_grid(image: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The image (C, *S) and the mask (*S); the mask's shape says where the image's channels are."""
    if mask is None:
        if image.ndim not in (3, 4):
            raise CaseError(f"the image has the shape {by(image.shape)} and there is no mask: give an image (C, *S)")
        return image, None
    if mask.ndim in (3, 4) and image.ndim <= mask.ndim:
        if mask.shape[0] == 1:
            mask = mask[0]
        elif mask.shape[-1] == 1 and image.shape[: mask.ndim - 1] == mask.shape[:-1]:
            mask = mask[..., 0]
    if mask.ndim not in (2, 3):
        raise CaseError(f"the mask has the shape {by(mask.shape)}: give one value for each pixel, two or three axes")
    if image.shape == mask.shape:
        return image[None], mask
    first = image.ndim == mask.ndim + 1 and image.shape[1:] == mask.shape
    last = image.ndim == mask.ndim + 1 and image.shape[:-1] == mask.shape
    if first and last:
        raise CaseError(
            f"the image has the shape {by(image.shape)}, so that its channels may come first or last: crop it, so that "
            "its height is not its number of channels"
        )
    if first:
        return image, mask
    if last:
        return np.moveaxis(image, -1, 0), mask
    raise CaseError(f"the image has the shape {by(image.shape)}, the mask {by(mask.shape)}: they do not fit")


def _labels(mask: np.ndarray) -> Integer[Tensor, "*s"]:
    wide = mask.astype(np.float64)
    if not np.array_equal(np.rint(wide), wide) or np.abs(wide).max(initial=0) >= 2**31:
        raise CaseError("the mask has values that are not whole numbers: give one integer for each pixel")
    return torch.from_numpy(np.ascontiguousarray(wide.astype(np.int32)))
