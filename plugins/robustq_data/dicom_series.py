"""Reads a DICOM series: a folder that holds one `.dcm` file for each slice."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median_low

import numpy as np
import SimpleITK

from robustq.errors import CaseError
from robustq_data.itk_image import stored_image
from robustq_data.stored import Stored

DICOM = ".dcm"

UNEVEN = 0.1
"""Slices lie evenly if no step between neighbours differs from the usual one by more than this share of it."""

SAME_PLACE = 1e-3
"""Slices that are nearer to each other than this, in mm, are one slice."""

_PATIENT, _ORIENTATION, _SPACINGS = "0010|0020", "0020|0037", ("0028|0030", "0018|1164")
"""Tags of the patient's ID, of the directions of an image, and of the distance between its pixels."""

_PHOTOMETRIC, _LOW_IS_WHITE = "0028|0004", "MONOCHROME1"
"""Tag of what the values mean, and what it says if the lowest value is shown white. SimpleITK inverts such values."""

INVERTED = (
    "cases whose DICOM files say that low values are white (MONOCHROME1), so their values were inverted as viewers "
    "show them"
)


def dicom_files(folder: Path) -> list[Path]:
    """The `.dcm` files directly in a folder, sorted by name; hidden ones are left out."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == DICOM and not path.name.startswith("."))


def patient_of(folder: Path) -> str:
    """The patient's ID that the first file of a series states; "" if it states none.

    Raises:
        CaseError: the file cannot be read.
    """
    header = _header(dicom_files(folder)[0])
    return header.GetMetaData(_PATIENT).strip() if header.HasMetaDataKey(_PATIENT) else ""


def read_dicom(folder: Path) -> Stored:
    """The volume of a series, or the image if the series has one slice.

    Raises:
        CaseError: the folder holds several series, a slice is missing or there twice, or the slices are no stack.
    """
    series = SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise CaseError(
            f"{folder.name} holds {len(dicom_files(folder))} DICOM files, and none is an image: give a series"
        )
    if len(series) > 1:
        raise CaseError(
            f"{folder.name} holds {len(series)} DICOM series ({', '.join(series)}): keep one series in a folder"
        )
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), series[0])
    headers = {Path(name).name: _header(Path(name)) for name in names}
    _check_stack(folder.name, headers)
    first = next(iter(headers.values()))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileNames(names)
    if len({header.GetPixelID() for header in headers.values()}) > 1:
        # Each slice has its own rescale slope, and SimpleITK would force all values into the type of the first slice.
        reader.SetOutputPixelType(SimpleITK.sitkFloat64)
    stored = stored_image(
        reader.Execute(),
        folder.name,
        in_mm=any(first.HasMetaDataKey(tag) for tag in _SPACINGS),
        states_directions=first.HasMetaDataKey(_ORIENTATION),
    )
    return replace(stored, guess=INVERTED) if _low_is_white(first) else stored


def _low_is_white(header: SimpleITK.ImageFileReader) -> bool:
    return bool(header.HasMetaDataKey(_PHOTOMETRIC) and header.GetMetaData(_PHOTOMETRIC).strip() == _LOW_IS_WHITE)


def _header(path: Path) -> SimpleITK.ImageFileReader:
    """What a file says of itself, without its values."""
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise CaseError(f"{path.name} cannot be read as a DICOM image: fetch the file again") from error
    return reader


def _check_stack(series: str, headers: dict[str, SimpleITK.ImageFileReader]) -> None:
    """Refuse slices that are not stacked evenly along the normal of their plane.

    SimpleITK sorts slices by position and takes one distance for all, so a gap would be closed without a word.
    """
    frames = {name: header.GetSize()[2] for name, header in headers.items() if header.GetDimension() > 2}
    several = next((name for name, count in frames.items() if count > 1), None)
    if several is not None:
        raise CaseError(f"{series}/{several} holds {frames[several]} slices in one file: save it as NIfTI, NRRD or MHA")
    planes = {name: (header.GetSize()[:2], header.GetSpacing()[:2]) for name, header in headers.items()}
    directions = {name: np.array(header.GetDirection()).reshape(3, 3) for name, header in headers.items()}
    first, *others = headers
    for name in others:
        if _low_is_white(headers[name]) != _low_is_white(headers[first]):
            raise CaseError(f"{series}: low values are white in only one of {first} and {name}: mend the series")
        if planes[name][0] != planes[first][0] or not (
            np.allclose(planes[name][1], planes[first][1], rtol=1e-3)
            and np.allclose(directions[name], directions[first], atol=1e-3)
        ):
            raise CaseError(
                f"{series}: {first} and {name} have different sizes, spacings or directions: mend the series"
            )
    if not others:
        return
    origins = {name: np.array(header.GetOrigin()) for name, header in headers.items()}
    steps = {pair: origins[pair[1]] - origins[pair[0]] for pair in pairwise(headers)}
    along = {pair: float(step @ directions[first][:, 2]) for pair, step in steps.items()}
    # The lower one of two in the middle: of three slices with a gap, the smaller distance is the usual one.
    usual = median_low(abs(step) for step in along.values())
    for (before, after), step in along.items():
        if abs(step) < SAME_PLACE:
            raise CaseError(f"{series}: {before} and {after} lie at the same place: keep one of them")
        if abs(abs(step) - usual) > UNEVEN * usual:
            raise CaseError(
                f"{series}: the slices are {usual:.4g} mm apart, but {before} and {after} are {abs(step):.4g} mm "
                "apart: a slice is missing, so fetch the series again"
            )
    tilted = next((pair for pair, step in steps.items() if np.linalg.norm(step) > abs(along[pair]) * (1 + 1e-3)), None)
    if tilted is not None:
        raise CaseError(
            f"{series}: the slices {' and '.join(tilted)} do not lie straight above each other (a tilted gantry): "
            "resample the series to a straight grid and save it as NIfTI, NRRD or MHA"
        )
