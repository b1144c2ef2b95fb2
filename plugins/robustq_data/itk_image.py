"""Turns an image of SimpleITK into the content of a file."""

import numpy as np
import SimpleITK

from robustq.data.grid import Grid, invertible
from robustq.errors import CaseError
from robustq_data.stored import Stored

_TO_NIFTI = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's directions are left, posterior, superior."""


def stored_image(image: SimpleITK.Image, name: str, *, in_mm: bool, states_directions: bool) -> Stored:
    """The values of an image, its spacing, and the grid from its origin, spacing and directions.

    Args:
        image: with two or three axes, or with four of which the last has extent 1.
        name: name of its file.
        in_mm: whether the file has a real spacing.
        states_directions: whether the file has directions. SimpleITK gives the identity where it has none.

    Raises:
        CaseError: it has another number of axes.
    """
    values = SimpleITK.GetArrayFromImage(image)
    values = np.moveaxis(values, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else values[None]
    values = values.transpose(0, *range(values.ndim - 1, 0, -1))  # SimpleITK's arrays have the last axis first
    spacing = tuple(float(step) for step in image.GetSpacing())
    if values.ndim not in (3, 4):
        raise CaseError(f"{name} has {values.ndim - 1} axes: known are two or three")
    grid = _grid(image, states_directions)
    if values.ndim == 4 and values.shape[-1] == 1:
        values, spacing = values[..., 0], spacing[:2]
    return Stored(values, spacing, "mm" if in_mm else "px", grid)


def _grid(image: SimpleITK.Image, states_directions: bool) -> Grid:
    axes = image.GetDimension()
    affine = np.eye(4)
    affine[:axes, :axes] = np.reshape(image.GetDirection(), (axes, axes)) * np.array(image.GetSpacing())
    affine[:axes, 3] = image.GetOrigin()
    identity = bool(np.array_equal(affine, np.eye(4)))
    return Grid(_TO_NIFTI @ affine, states_directions and invertible(affine), identity)
