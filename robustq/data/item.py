"""One item of data in memory: an image and its mask, as other libraries hand them over."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from robustq.data.item_axes import channels_first
from robustq.data.item_parts import parts_of
from robustq.data.placement import placed
from robustq.dataset import own_range
from robustq.errors import CaseError


@dataclass(frozen=True)
class Item:
    """What an item holds.

    Attributes:
        image: the image (C, *S), float32, or float64 where float32 would lose digits.
        mask: the integer values (*S), or None where there is no mask.
        intensity_range: (C, 2): 0 and 255 for 8-bit values, else the image's own extremes.
        spacing: extent of a voxel along each axis in mm, or None where the item does not say it.
        by_array_order: whether only one of image and mask says where it lies, so they were matched as they are stored.
    """

    image: Float[Tensor, "c *s"]
    mask: Integer[Tensor, "*s"] | None
    intensity_range: Float[Tensor, "c 2"]
    spacing: tuple[float, ...] | None
    by_array_order: bool = False


def read_item(item: Any) -> Item:
    """The image and the mask of an item: a pair, a mapping, or a `torchio.Subject`.

    Raises:
        CaseError: the item is something else, its shapes do not fit or are ambiguous, image and mask do not lie on one
            grid, or values are not finite or not whole.
    """
    parts = parts_of(item)
    values = _array(parts.image, "image")
    truth = None if parts.mask is None else _array(parts.mask, "mask")
    turned = parts.image_grid is not None and parts.mask_grid is not None
    values, truth = channels_first(values, truth, turned)
    by_array_order = False
    if truth is not None:
        layers, by_array_order = placed(truth[None], parts.mask_grid, shape=values.shape[1:], to=parts.image_grid)
        truth = layers[0]
    wide = values.astype(np.float64)
    if not np.isfinite(wide).all():
        raise CaseError("the image holds NaN or infinite values: mend or leave out the case")
    narrow = wide.astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(narrow if np.array_equal(narrow, wide) else wide))
    limits = own_range(tensor)
    if values.dtype == np.uint8:
        limits = torch.tensor([[0.0, 255.0]], dtype=torch.float64).repeat(len(values), 1)
    return Item(
        tensor, None if truth is None else _labels(truth), limits, parts.spacing(values.ndim - 1), by_array_order
    )


def _array(values: Any, what: str) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        # NumPy has no bfloat16.
        values = values.float() if values.dtype == torch.bfloat16 else values
        values = np.asarray(values.as_subclass(Tensor).numpy())
    if np.ma.is_masked(values):
        raise CaseError(f"the {what} is a masked array, and no value can be left out of it: give values.filled(...)")
    if not isinstance(values, np.ndarray):
        raise CaseError(f"the {what} is a {type(values).__name__}: give an array or a tensor, such as np.asarray(it)")
    if values.dtype.kind not in "buif" or values.size == 0:
        raise CaseError(f"the {what} holds {values.size} values of type {values.dtype}: give numbers")
    return values


def _labels(mask: np.ndarray) -> Integer[Tensor, "*s"]:
    wide = mask.astype(np.float64)
    if not np.array_equal(np.rint(wide), wide) or np.abs(wide).max() >= 2**31:
        raise CaseError("the mask has values that are not whole numbers: give one integer for each pixel")
    return torch.from_numpy(np.ascontiguousarray(wide.astype(np.int32)))
