"""Reads one image file or DICOM series: its values, its spacing, where it lies, and the range of its stored type."""

import math
import os
from pathlib import Path

from robustq.errors import CaseError
from robustq_data.array_file import ARRAYS, read_arrays
from robustq_data.dicom_series import read_dicom
from robustq_data.itk_file import ITK, read_itk
from robustq_data.nifti_file import NIFTI, read_nifti
from robustq_data.picture_file import PICTURES, read_picture
from robustq_data.stored import Stored

SUFFIXES = (*PICTURES, *NIFTI, *ITK, ARRAYS)


def suffix_of(path: Path) -> str:
    """The image suffix of a file name in lower case, such as `.nii.gz`; "" if the file is not an image."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def without_suffix(path: Path) -> str:
    """The path without its image suffix, with / between folders. A folder, which is a DICOM series, has none."""
    return path.as_posix()[: len(path.as_posix()) - len(suffix_of(path))]


def read(path: Path, *, mask: bool = False, beside: tuple[int, ...] | None = None) -> Stored:
    """Read an image file with one of `SUFFIXES`, or a folder that is a DICOM series.

    Args:
        path: path of the file or of the folder.
        mask: whether the file holds a mask; then a palette is ignored, because it only serves display.
        beside: the shape of the case's mask, which decides which axis of an array holds channels.

    Raises:
        CaseError: the file is missing, truncated or not an image, or its values or spacing are not valid.
    """
    suffix = suffix_of(path)
    if path.is_symlink() and not path.exists():
        raise CaseError(
            f"{path.name} is a link to {os.readlink(path)}, which is not there: fetch the file it stands for"
        )
    if path.is_file() and not path.stat().st_size:
        raise CaseError(f"{path.name} is empty (0 bytes): fetch it or write it again")
    try:
        if path.is_dir():
            stored = read_dicom(path)
        elif suffix in PICTURES:
            stored = read_picture(path, mask)
        elif suffix in NIFTI:
            stored = read_nifti(path)
        elif suffix in ITK:
            stored = read_itk(path, suffix)
        elif suffix:
            stored = read_arrays(path, "mask" if mask else "image", beside)
        else:
            raise CaseError(f"{path.name} is not an image: known are {', '.join(SUFFIXES)}")
    except CaseError:
        raise
    except Exception as error:  # each library refuses a file with its own errors
        raise CaseError(f"{path.name} cannot be read as an image: {_reason(error, path)}") from error
    if stored.values.dtype.kind not in "buif" or stored.values.size == 0:
        raise CaseError(f"{path.name} holds {stored.values.size} values of type {stored.values.dtype}: store numbers")
    if not all(0 < step < math.inf for step in stored.spacing):
        raise CaseError(f"{path.name} has the spacing {stored.spacing}: mend its header, each must be above 0")
    return stored


def _reason(error: Exception, path: Path) -> str:
    """The message of a library in one line. SimpleITK's messages begin with its source files, which are left out."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = next((line for line in lines if "ERROR" in line), lines[0] if lines else type(error).__name__)
    return message.rpartition("ERROR: ")[2].replace(str(path), path.name)[:160]
