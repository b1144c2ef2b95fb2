"""Reads an NRRD or MetaImage file with SimpleITK."""

import re
from pathlib import Path

import numpy as np
import SimpleITK

from robustq.errors import CaseError
from robustq_data.grid import Grid, invertible
from robustq_data.stored import Stored

ITK = (".nrrd", ".mha", ".mhd")

_READERS = {".nrrd": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
"""SimpleITK chooses a reader by the suffix, but does not know suffixes in capitals."""

_HEADER = 2**16
"""The text of a header ends within this many bytes."""

_TO_NIFTI = np.diag([-1.0, -1.0, 1.0, 1.0])
"""ITK's directions are left, posterior, superior."""


def read_itk(path: Path, suffix: str) -> Stored:
    """The content of an NRRD or MetaImage file.

    Raises:
        CaseError: it has another number of axes.
    """
    image = SimpleITK.ReadImage(str(path), imageIO=_READERS[suffix])
    values = SimpleITK.GetArrayFromImage(image)
    values = np.moveaxis(values, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else values[None]
    values = values.transpose(0, *range(values.ndim - 1, 0, -1))  # SimpleITK's arrays have the last axis first
    spacing = tuple(float(step) for step in image.GetSpacing())
    if values.ndim not in (3, 4):
        raise CaseError(f"{path.name} has {values.ndim - 1} axes: known are two or three")
    grid = _grid(image, _states_directions(path))
    if values.ndim == 4 and values.shape[-1] == 1:
        values, spacing = values[..., 0], spacing[:2]
    # These formats write a spacing of 1 where none was given.
    return Stored(values, spacing, "mm" if any(step != 1 for step in spacing) else "px", grid)


def _grid(image: SimpleITK.Image, states_directions: bool) -> Grid:
    axes = image.GetDimension()
    affine = np.eye(4)
    affine[:axes, :axes] = np.reshape(image.GetDirection(), (axes, axes)) * np.array(image.GetSpacing())
    affine[:axes, 3] = image.GetOrigin()
    identity = bool(np.array_equal(affine, np.eye(4)))
    return Grid(_TO_NIFTI @ affine, states_directions and invertible(affine), identity)


def _states_directions(path: Path) -> bool:
    """Whether the header has directions. SimpleITK gives the identity where it has none."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if head.startswith(b"NRRD"):
        return re.search(rb"^space directions:", re.split(rb"\r?\n\r?\n", head)[0], re.MULTILINE) is not None
    text = re.split(rb"ElementDataFile", head)[0]
    return re.search(rb"^\s*(TransformMatrix|Rotation|Orientation)\s*=", text, re.MULTILINE) is not None
