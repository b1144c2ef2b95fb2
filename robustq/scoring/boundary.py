"""Boundaries of masks, and the boxes around them."""

import numpy as np
from jaxtyping import Bool, Float

Box = tuple[slice, ...]
"""One slice an axis, its start and stop given."""


def bounding_box(mask: Bool[np.ndarray, "*s"]) -> Box | None:
    """The smallest box that holds every true voxel, or None where there is none."""
    box: list[slice] = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        if occupied.size == 0:
            return None
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
        mask = mask[(slice(None),) * axis + (box[-1],)]
    return tuple(box)


def enclosing(first: Box, second: Box) -> Box:
    """The smallest box that holds both."""
    return tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(first, second, strict=True))


def place(box: Box, within: Box) -> Box:
    """Where a box stands in the array that was cut out along another box around it."""
    return tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(box, within, strict=True))


def boundary(mask: Bool[np.ndarray, "*s"]) -> Bool[np.ndarray, "*s"]:
    """The mask minus its erosion with face connectivity (docs/definitions.md, Segmentation metrics).

    What lies outside of the array counts as background, so true voxels on its border are boundary. Hence the boundary
    of a mask cut out along a box that holds all of it is the boundary in the whole image.
    """
    padded = np.pad(mask, 1)
    inner = mask.copy()
    for axis in range(mask.ndim):
        for neighbour in (slice(None, -2), slice(2, None)):
            window = [slice(1, -1)] * mask.ndim
            window[axis] = neighbour
            inner &= padded[tuple(window)]
    boundary: Bool[np.ndarray, "*s"] = mask & ~inner
    return boundary


def points(mask: Bool[np.ndarray, "*s"], spacing: tuple[float, ...], origin: Box) -> Float[np.ndarray, "n d"]:
    """Positions of the true voxels, one a row, in the unit of the spacing.

    Args:
        mask: cut out of an image along the box `origin`.
        spacing: extent of a voxel along each axis.
        origin: the box.
    """
    # Half the time of argwhere, which would be a tenth of a comparison.
    index = np.unravel_index(np.flatnonzero(mask), mask.shape)
    along = [(places + cut.start) * step for places, cut, step in zip(index, origin, spacing, strict=True)]
    return np.stack(along, axis=1)
