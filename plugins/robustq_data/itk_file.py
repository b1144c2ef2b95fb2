"""Reads an NRRD or MetaImage file with SimpleITK."""

import math
import re
from pathlib import Path

import numpy as np
import SimpleITK

from robustq_data.deflated import check_deflated
from robustq_data.itk_image import stored_image
from robustq_data.promised import check_promise
from robustq_data.stored import Stored

ITK = (".nrrd", ".nhdr", ".mha", ".mhd")

_READERS = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
"""SimpleITK chooses a reader by the suffix, but does not know suffixes in capitals."""

_HEADER = 2**16
"""The text of a header ends within this many bytes."""


def read_itk(path: Path, suffix: str) -> Stored:
    """The content of an NRRD or MetaImage file.

    Raises:
        CaseError: it has another number of axes, or its compressed values are damaged.
    """
    _check_promise(path, suffix)
    image = SimpleITK.ReadImage(str(path), imageIO=_READERS[suffix])
    if re.search(rb"^CompressedData\s*=\s*True", _head(path), re.MULTILINE | re.IGNORECASE):
        _check_compressed(path, SimpleITK.GetArrayViewFromImage(image))
    # These formats write a spacing of 1 where none was given, also along an axis that is dropped.
    in_mm = any(step != 1 for step in (image.GetSpacing()[:2] if _flat(image) else image.GetSpacing()))
    return stored_image(image, path.name, in_mm=in_mm, states_directions=_states_directions(path))


def _flat(image: SimpleITK.Image) -> bool:
    """Whether a volume has one slice."""
    return bool(image.GetDimension() == 3 and image.GetSize()[2] == 1)


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


def _check_compressed(path: Path, values: np.ndarray) -> None:
    head, apart = _head(path), detached(path)
    if apart is not None and not apart.is_file():  # a list of files or a pattern of names
        return
    skipped = re.search(rb"^HeaderSize\s*=\s*(\d+)", head, re.MULTILINE | re.IGNORECASE)
    last_line = re.search(rb"^ElementDataFile\s*=[^\n]*\n", head, re.MULTILINE | re.IGNORECASE)
    follows = last_line.end() if apart is None and last_line else 0
    check_deflated(apart or path, after=(int(skipped[1]) if skipped else 0) or follows, values=values)


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


def _states_directions(path: Path) -> bool:
    """Whether the header has directions. SimpleITK gives the identity where it has none."""
    head = _head(path)
    if head.startswith(b"NRRD"):
        return re.search(rb"^space directions:", re.split(rb"\r?\n\r?\n", head)[0], re.MULTILINE) is not None
    text = re.split(rb"ElementDataFile", head)[0]
    return re.search(rb"^\s*(TransformMatrix|Rotation|Orientation)\s*=", text, re.MULTILINE) is not None
