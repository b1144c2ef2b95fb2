"""Writes a stored case as files: volumes as NIfTI, grey images as PNG."""

from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

from robustq.dataset import Case
from robustq.errors import CaseError
from robustq.whole_file import whole_file

VOLUME, IMAGE = ".nii.gz", ".png"

_DIRECTIONS = {
    "R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1),
}  # fmt: skip
"""Letter of an orientation -> the step of NIfTI's coordinates along this axis."""

_TYPES = (np.uint8, np.int16, np.uint16, np.int32)
"""Types in which whole numbers are stored, the narrowest first."""


def write_image(case: Case, place: Path) -> Path:
    """Write the image of a case, so that it is read back with equal values, spacing and intensity range.

    Args:
        case: as stored.
        place: path of the file without its suffix.

    Returns:
        The path of the file.

    Raises:
        CaseError: it is a 2D image that a grey PNG cannot hold.
    """
    values = case.image.numpy()
    # A file of 8 bits is read with the range 0 to 255, so other images are stored wider.
    has_byte_range = bool((case.intensity_range.numpy() == (0.0, 255.0)).all())
    return _write(case, _narrow(values, _TYPES if has_byte_range else _TYPES[1:]), place)


def write_mask(case: Case, place: Path) -> Path:
    """Write the mask of a case beside its image. See `write_image`.

    Raises:
        CaseError: the case has no mask, or one that a grey PNG cannot hold.
    """
    if case.mask is None:
        raise CaseError(f"case {case.entry.id} has no mask: give one, or leave it out")
    return _write(case, _narrow(case.mask.numpy()[None], _TYPES), place)


def _narrow(values: np.ndarray, types: tuple[type, ...]) -> np.ndarray:
    """The values in the narrowest type that holds them, or as they are where they are no whole numbers."""
    low, high = values.min(), values.max()
    fitting = [kind for kind in types if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max]
    return values.astype(fitting[0]) if fitting and np.array_equal(np.rint(values), values) else values


def _write(case: Case, values: np.ndarray, place: Path) -> Path:
    suffix = IMAGE if case.dims == 2 else VOLUME
    target = place.with_name(place.name + suffix)
    with whole_file(target) as partial:
        # The libraries choose a format by the suffix, which the temporary name lacks.
        written = partial.with_name(partial.name + suffix)
        try:
            if case.dims == 2:
                Image.fromarray(_grey(values, case)).save(written)
            else:
                nibabel.save(_volume(values, case), written)
            written.replace(partial)
        finally:
            written.unlink(missing_ok=True)
    return target


def _grey(values: np.ndarray, case: Case) -> np.ndarray:
    if len(values) > 1 or values.dtype not in (np.uint8, np.int16, np.uint16) or values.min() < 0:
        raise CaseError(
            f"case {case.entry.id} has {len(values)} channels of {values.dtype} from {values.min():g} to "
            f"{values.max():g}, a PNG holds one of whole numbers from 0 to 65535: prepare it with another program"
        )
    return np.asarray(values[0] if values.dtype == np.uint8 else values[0].astype(np.uint16))


def _volume(values: np.ndarray, case: Case) -> nibabel.Nifti1Image:
    """A volume with its spacing and the directions to which its axes point most; channels are the last axis.

    The exact angles and the place of the volume are not kept: image and mask already share one grid.
    """
    array = values[0] if len(values) == 1 else np.moveaxis(values, 0, -1)
    stated = bool(case.orientation) and "?" not in case.orientation
    affine = np.diag([*case.spacing, 1.0])
    if stated:
        affine[:3, :3] = np.array([_DIRECTIONS[letter] for letter in case.orientation]).T * case.spacing
    volume = nibabel.Nifti1Image(array, affine)
    volume.header.set_sform(affine, code=int(stated))
    volume.header.set_qform(affine, code=int(stated))
    volume.header.set_xyzt_units(xyz="mm" if case.unit == "mm" else "unknown")
    return volume
