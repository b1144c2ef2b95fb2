"""Reads an NRRD or MetaImage file with SimpleITK."""

import math
import re
from pathlib import Path

import numpy as np
import SimpleITK

from robustq.errors import CaseError
from robustq_data.deflated import check_deflated
from robustq_data.itk_image import stored_image
from robustq_data.promised import check_promise
from robustq_data.stored import Stored

ITK = (".nrrd", ".nhdr", ".mha", ".mhd")

_READERS = {".nrrd": "NrrdImageIO", ".nhdr": "NrrdImageIO", ".mha": "MetaImageIO", ".mhd": "MetaImageIO"}
"""SimpleITK chooses a reader by the suffix, but does not know suffixes in capitals."""

_MILLIMETRES = {
    "nm": 1e-6, "nanometer": 1e-6, "um": 1e-3, "µm": 1e-3, "micron": 1e-3, "micrometer": 1e-3, "mm": 1.0,
    "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0, "m": 1000.0, "meter": 1000.0,
}  # fmt: skip
"""Unit of length in a header -> millimetres."""

_UNSAID = ("", "?", "???", "none", "unknown")
"""What headers hold in place of a unit; lengths are then taken as mm."""

_HEADER = 2**16
"""The text of a header ends within this many bytes."""


def read_itk(path: Path, suffix: str) -> Stored:
    """The content of an NRRD or MetaImage file.

    Raises:
        CaseError: it has another number of axes, an unknown unit of length, or compressed values that are damaged.
    """
    _check_promise(path, suffix)
    millimetres = _unit(path)
    image = SimpleITK.ReadImage(str(path), imageIO=_READERS[suffix])
    if re.search(rb"^CompressedData\s*=\s*True", _head(path), re.MULTILINE | re.IGNORECASE):
        _check_compressed(path, SimpleITK.GetArrayViewFromImage(image))
    # These formats write a spacing of 1 where none was given, also along an axis that is dropped.
    steps = image.GetSpacing()[:2] if _flat(image) else image.GetSpacing()
    in_mm = millimetres != 1 or any(step != 1 for step in steps)
    if millimetres != 1:  # SimpleITK takes every length as mm
        image.SetSpacing([step * millimetres for step in image.GetSpacing()])
        image.SetOrigin([place * millimetres for place in image.GetOrigin()])
    return stored_image(image, path.name, in_mm=in_mm, states_directions=_states_directions(path))


def _unit(path: Path) -> float:
    """The unit of length of a header in mm: `space units` or `units` of NRRD, `DistanceUnits` of MetaImage.

    Raises:
        CaseError: it is no unit of length, or the axes have different ones.
    """
    head = re.split(rb"\r?\n\r?\n|ElementDataFile", _head(path))[0]
    found = re.search(rb"^(?:space units:|units:|DistanceUnits\s*=)([^\r\n]*)", head, re.MULTILINE)
    text = found[1].decode(errors="replace") if found else ""
    words = {word.strip('" ').lower() for word in re.findall(r'"[^"]*"', text) or [text]} - {*_UNSAID}
    if not words:
        return 1.0
    length, *others = {_MILLIMETRES.get(word.replace("metre", "meter").removesuffix("s")) for word in words}
    if length is None or others:
        raise CaseError(
            f"{path.name} has lengths in {', '.join(sorted(words))}: write one unit for all axes, such as mm, um or cm"
        )
    return length


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
