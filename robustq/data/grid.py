"""Where the voxels of a file lie."""

import itertools
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from nibabel.affines import voxel_sizes
from nibabel.orientations import aff2axcodes

from robustq.errors import CaseError

Affine = Float[np.ndarray, "4 4"]
"""From the indices of a voxel along three axes to the position of its centre."""

CLOSE = 0.1
"""Two grids are equal if no corner voxel's centre is further than this many voxels from its counterpart."""


_LETTERS = ("LR", "PA", "IS")
_IDENTITY = np.eye(3)
_CORNERS = np.array([[*corner, 1.0] for corner in itertools.product((0.0, 1.0), repeat=3)]).T


@dataclass(frozen=True)
class Grid:
    """The position of every voxel, as the header of a file states it.

    Attributes:
        affine: the affine in the directions of NIfTI: right, anterior, superior.
        stated: whether the header states directions. A NIfTI file whose two codes are 0 does not, nor does an NRRD file
            without directions.
        identity: whether the header holds the identity, with which programs fill headers that they know nothing about.
    """

    affine: Affine
    stated: bool = True
    identity: bool = False

    def __post_init__(self) -> None:
        if not np.isfinite(self.affine).all():
            raise CaseError("the header has an affine with NaN or infinite values: mend the header")

    @property
    def spacing(self) -> tuple[float, ...]:
        """The extent of a voxel along each of the three axes."""
        # Headers have single precision: 0.7 mm is stored as 0.699999988.
        return tuple(float(f"{size:.6g}") for size in voxel_sizes(self.affine))

    @property
    def orientation(self) -> str:
        """The anatomical direction to which each of the three axes points most, such as "RAS"; "" if none is stated."""
        if not self.stated:
            return ""
        steps = self.affine[:3, :3] / voxel_sizes(self.affine)
        axes = abs(steps).argmax(axis=0)
        clear = (abs(steps).max(axis=0) > 0.75).all()
        if clear and abs(steps.T @ steps - _IDENTITY).max() < 1e-6:  # nibabel's way is slow, and needed where axes lean
            return "".join(_LETTERS[axis][int(steps[axis, place] > 0)] for place, axis in enumerate(axes))
        return "".join(axis or "?" for axis in aff2axcodes(self.affine))

    def __str__(self) -> str:
        """The three rows of the affine that matter, on one line."""
        rows = (" ".join(f"{value:.4g}" for value in row) for row in self.affine[:3] + 0.0)
        return f"[{'; '.join(rows)}]"


def close(affine: Affine, other: Affine, shape: tuple[int, ...]) -> bool:
    """Whether two affines put the corners of a grid of this shape at the same places, within `CLOSE` voxels.

    The first affine must be invertible; its voxels are the measure.
    """
    if (affine == other).all():
        return True
    corners = _CORNERS * [[extent - 1] for extent in (*shape, 2)]
    apart = np.linalg.solve(affine[:3, :3], (other - affine)[:3] @ corners)
    # 0.1 mm in single precision is a little more than 0.1.
    return bool((apart * apart).sum(axis=0).max() <= (CLOSE + 1e-6) ** 2)


def invertible(affine: Affine) -> bool:
    """Whether the three axes of an affine span the space."""
    sizes = voxel_sizes(affine)
    return bool((sizes > 0).all() and abs(np.linalg.det(affine[:3, :3] / sizes)) > 1e-6)
