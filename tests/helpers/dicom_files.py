"""Writes DICOM series as scanners do: one file for each slice."""

import locale
from pathlib import Path

import numpy as np
import SimpleITK

TURNED = (1.0, 0.0, 0.0, 0.0, 0.8, -0.6, 0.0, 0.6, 0.8)
"""Directions of slices that are tilted about the left-right axis, as those of a prostate are."""


def volume(
    *,
    shape: tuple[int, int, int] = (6, 5, 4),
    spacing: tuple[float, float, float] = (0.5, 0.7, 3.0),
    origin: tuple[float, float, float] = (-10.0, 20.0, 5.0),
    direction: tuple[float, ...] = TURNED,
    seed: int = 0,
) -> SimpleITK.Image:
    """A small volume of whole numbers that lies somewhere."""
    values = np.random.default_rng(seed).integers(0, 900, shape[::-1]).astype(np.int16)
    image = SimpleITK.GetImageFromArray(values)
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    image.SetDirection(direction)
    return image


def write_series(
    folder: Path, image: SimpleITK.Image, *, uid: str = "1.2.3", patient: str = "P", begin: str = ""
) -> None:
    """Write the slices of a volume, the topmost under the first name, because names need not follow positions."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    direction, count = image.GetDirection(), image.GetSize()[2]
    for place in range(count):
        slice_ = image[:, :, place : place + 1]
        for tag, text in {
            "0008|0060": "MR",
            "0010|0020": patient,
            "0020|000e": uid,
            "0008|0018": f"{uid}.{place + 1}",
            "0020|0013": str(place + 1),
            "0020|0032": "\\".join(map(str, image.TransformIndexToPhysicalPoint((0, 0, place)))),
            "0020|0037": "\\".join(map(str, (direction[i] for i in (0, 3, 6, 1, 4, 7)))),
        }.items():
            slice_.SetMetaData(tag, text)
        writer.SetFileName(str(folder / f"{begin}{count - place:03}.dcm"))
        character_type = locale.setlocale(locale.LC_CTYPE)
        writer.Execute(slice_)
        locale.setlocale(locale.LC_CTYPE, character_type)  # the writer sets it to C, and text files would be ASCII
