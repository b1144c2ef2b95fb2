"""Reads an NRRD or MetaImage file with SimpleITK."""

import math
import re
from pathlib import Path

import numpy as np
import SimpleITK

from robustq.data.grid import Grid, invertible
from robustq.errors import CaseError
from robustq_data.promised import check_promise
from robustq_data.stored import Stored

ITK = (".nrrd", ".nhdr", ".mha", ".mhd")

_READERS = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
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
    _check_promise(path, suffix)
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


def _check_promise(path: Path, suffix: str) -> None:
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO(_READERS[suffix])
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    # SimpleITK gives no size of a value; the widest has 8 bytes, and a promise is judged by its order of magnitude.
    promised = math.prod(reader.GetSize()) * reader.GetNumberOfComponents()
    values = detached(path)
    if values is None:
        check_promise(path, promised, compressed=True)
    elif values.is_file():
        check_promise(path, promised, compressed=True, stored=values.stat().st_size)


def detached(path: Path) -> Path | None:
    """The file that holds the values of a header such as `.mhd` and `.nhdr`; None if they follow the header."""
    named = re.search(
        rb"^(?:ElementDataFile\s*=|data ?file:)\s*(\S[^\r\n]*)", _head(path), re.MULTILINE | re.IGNORECASE
    )
    name = named[1].decode(errors="replace").strip() if named else "LOCAL"
    return None if name.upper() == "LOCAL" else path.parent / name


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER)


def _grid(image: SimpleITK.Image, states_directions: bool) -> Grid:
    axes = image.GetDimension()
    affine = np.eye(4)
    affine[:axes, :axes] = np.reshape(image.GetDirection(), (axes, axes)) * np.array(image.GetSpacing())
    affine[:axes, 3] = image.GetOrigin()
    identity = bool(np.array_equal(affine, np.eye(4)))
    return Grid(_TO_NIFTI @ affine, states_directions and invertible(affine), identity)


def _states_directions(path: Path) -> bool:
    """Whether the header has directions. SimpleITK gives the identity where it has none."""
    head = _head(path)
    if head.startswith(b"NRRD"):
        return re.search(rb"^space directions:", re.split(rb"\r?\n\r?\n", head)[0], re.MULTILINE) is not None
    text = re.split(rb"ElementDataFile", head)[0]
    return re.search(rb"^\s*(TransformMatrix|Rotation|Orientation)\s*=", text, re.MULTILINE) is not None
