"""The true mask of one label, with everything that depends on it alone."""

import math
from functools import cached_property

import numpy as np
from jaxtyping import Bool
from scipy.spatial import cKDTree

from robustq.errors import RequestError
from robustq.scoring.boundary import Box, boundary, bounding_box, points
from robustq.shapes import Unit as Unit

LEAF = 32
"""Points in each leaf of a tree. For a few thousand points this is a third faster than SciPy's default of 16."""


class Truth:
    """The true mask of one label, with everything that depends on it alone, such as its boundary.

    Everything is computed at its first use and kept. Beside the mask, the kept data are no larger than the label's box
    and boundary.

    Args:
        mask: mask of the label, (*S), any number of axes.
        spacing: extent of a voxel along each axis, in `unit`; 1 along each axis if it is not given.
        unit: "mm" where the image has a real spacing, else "px".

    Raises:
        RequestError: the mask has no axis, or the spacing is not one positive number for each axis.
    """

    def __init__(
        self, mask: Bool[np.ndarray, "*s"], spacing: tuple[float, ...] | None = None, unit: Unit = "px"
    ) -> None:
        if mask.ndim == 0:
            raise RequestError("a single value was given as a mask: give an array with at least one axis")
        self.mask = mask
        self.spacing = (1.0,) * mask.ndim if spacing is None else _check_spacing(spacing, mask.ndim)
        self.unit = unit

    @cached_property
    def box(self) -> Box | None:
        """The smallest box around the label; None if the label is absent."""
        return bounding_box(self.mask)

    @property
    def empty(self) -> bool:
        """Whether the label is absent."""
        return self.box is None

    @cached_property
    def volume(self) -> int:
        """Number of voxels of the label."""
        return int(np.count_nonzero(self.mask))

    @cached_property
    def boundary(self) -> Bool[np.ndarray, "*box"]:
        """The boundary, cut out along `box`. The label must be present."""
        return boundary(self.mask[self._present_box])

    @cached_property
    def tree(self) -> cKDTree:
        """A search tree for the nearest point of the boundary; positions are in `unit`. The label must be present."""
        return cKDTree(points(self.boundary, self.spacing, self._present_box), leafsize=LEAF)

    @property
    def diagonal(self) -> float:
        """|(shape - 1) · spacing|, the largest distance between two voxels of the image, in `unit`."""
        return math.hypot(*((extent - 1) * step for extent, step in zip(self.mask.shape, self.spacing, strict=True)))

    @property
    def _present_box(self) -> Box:
        assert self.box is not None, "the label must be present"
        return self.box


def _check_spacing(spacing: tuple[float, ...], dims: int) -> tuple[float, ...]:
    """The spacing as floats.

    Raises:
        RequestError: its length is not the mask's number of axes, or an entry is not a positive finite number.
    """
    given = tuple(float(extent) for extent in spacing)
    if len(given) != dims:
        raise RequestError(
            f"the spacing {given} has {len(given)} entries for a mask of {dims} axes: give one number for each axis"
        )
    if not all(math.isfinite(extent) and extent > 0 for extent in given):
        raise RequestError(
            f"the spacing {given} has an entry that is not valid: give one positive finite number for each axis"
        )
    return given
