"""Takes an item of data in memory apart: its image, its mask, and what the item says about where they lie."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from robustq.data.grid import Grid, invertible
from robustq.errors import CaseError

IMAGE_NAMES = ("image", "img")
MASK_NAMES = ("mask", "label", "seg", "segmentation")
"""Entries of a mapping that hold the image and the mask, in the order in which they are looked for."""

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp")
"""Formats without a spacing in mm."""

_MILLIMETRES = 2
"""What the lowest three bits of `xyzt_units` in a NIfTI header are if lengths are in mm."""


@dataclass(frozen=True)
class Parts:
    """The parts of an item, as other libraries hand them over.

    Attributes:
        image: the image, an array or a tensor if the item can be used.
        mask: the mask, or None where there is none.
        given_spacing: the entry `spacing` of a mapping, or None.
        image_grid: where the image lies, or None where nothing says it.
        mask_grid: where the mask lies, or None.
        in_millimetres: whether the grid is known to be in mm. Libraries give the spacing 1 to images that have none.
    """

    image: Any
    mask: Any
    given_spacing: tuple[float, ...] | None = None
    image_grid: Grid | None = None
    mask_grid: Grid | None = None
    in_millimetres: bool = False

    def spacing(self, dims: int) -> tuple[float, ...] | None:
        """The extent of a voxel along each of `dims` axes in mm, or None where the item does not say it."""
        if self.given_spacing is not None or self.image_grid is None or not self.image_grid.stated:
            return self.given_spacing
        spacing = self.image_grid.spacing[:dims]
        return spacing if self.in_millimetres or set(spacing) != {1.0} else None


def parts_of(item: Any) -> Parts:
    """The parts of a pair, a mapping, a `torchio.Subject`, or an image alone.

    Raises:
        CaseError: the item is something else.
    """
    if (images := _images_of_subject(item)) is not None:  # a torchio.Subject, which may be a mapping too
        return _parts_of_subject(images)
    if isinstance(item, Mapping):
        image = next((item[name] for name in IMAGE_NAMES if name in item), None)
        if image is None:
            raise CaseError(f"an item has the entries {', '.join(map(str, item))}, and none is named image")
        mask = next((item[name] for name in MASK_NAMES if name in item), None)
        return _with_affines(image, mask, item.get("spacing"))
    if isinstance(item, Sequence) and not isinstance(item, str) and len(item) in (1, 2):
        return _with_affines(item[0], item[1] if len(item) == 2 else None, None)
    if isinstance(item, Tensor | np.ndarray):
        return _with_affines(item, None, None)
    raise CaseError(
        f"an item is a {type(item).__name__}: give a pair (image, mask), or a mapping with the entries image and mask"
    )


def _with_affines(image: Any, mask: Any, spacing: Sequence[float] | None) -> Parts:
    """The parts of an item whose image and mask may be tensors of MONAI, which carry affines."""
    unit = np.asarray(getattr(image, "meta", {}).get("xyzt_units", 0)).ravel()[0]
    return Parts(
        image,
        mask,
        None if spacing is None else tuple(map(float, spacing)),
        _grid(getattr(image, "affine", None)),
        _grid(getattr(mask, "affine", None)),
        in_millimetres=int(unit) % 8 == _MILLIMETRES,
    )


def _images_of_subject(item: Any) -> dict[str, Any] | None:
    if "torchio" not in sys.modules:  # then nothing can be one of its subjects
        return None
    from robustq.data.torchio_adapter import images_of

    return images_of(item)


def _parts_of_subject(images: dict[str, Any]) -> Parts:
    from robustq.data.torchio_adapter import is_label_map

    scalars = {name: image for name, image in images.items() if not is_label_map(image)}
    maps = {name: image for name, image in images.items() if name not in scalars}
    if len(scalars) != 1 or len(maps) > 1:
        raise CaseError(
            f"a subject has {len(scalars)} scalar images and {len(maps)} label maps ({', '.join(images)}): give "
            "subjects with one image and one label map"
        )
    (scalar,), label_map = scalars.values(), next(iter(maps.values()), None)
    image, mask = scalar.data, None if label_map is None else label_map.data
    if image.shape[-1] == 1:  # TorchIO has volumes only: a 2D image is one slice
        image, mask = image[..., 0], None if mask is None else mask[..., 0]
    return Parts(
        image,
        mask,
        None,
        _grid(scalar.affine),
        None if label_map is None else _grid(label_map.affine),
        in_millimetres=scalar.path is not None and Path(str(scalar.path)).suffix.lower() not in _PICTURES,
    )


def _grid(affine: Any) -> Grid | None:
    """The grid of an affine in the directions right, anterior, superior, which MONAI and TorchIO use."""
    matrix = None if affine is None else np.asarray(affine, dtype=np.float64)
    if matrix is None or matrix.shape not in ((3, 3), (4, 4)):
        return None
    axes = len(matrix) - 1
    whole = np.eye(4)
    whole[:axes, :axes], whole[:axes, 3] = matrix[:axes, :axes], matrix[:axes, axes]
    return Grid(whole, invertible(whole), bool(np.array_equal(whole, np.eye(4))))
