"""Reads one image file: its values, its spacing, and the range of its stored type."""

import math
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK
import torch
from jaxtyping import Float, Integer, Shaped
from nibabel.orientations import aff2axcodes
from PIL import Image as Pictures
from torch import Tensor

from robustq.dataset import Unit
from robustq.errors import CaseError

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
NIFTI = (".nii.gz", ".nii")
ITK = (".nrrd", ".mha", ".mhd")
SUFFIXES = (*PICTURES, *NIFTI, *ITK, ".npz")

_MILLIMETRES = {"meter": 1000.0, "micron": 0.001}


@dataclass(frozen=True)
class Stored:
    """The content of a file.

    Attributes:
        values: values in the stored type, (C, *S).
        spacing: extent of a voxel along each axis of S.
        unit: "mm" if the file has a real spacing, else "px".
        orientation: anatomical direction of each axis, such as "RAS"; "" if the file stores none.
    """

    values: Shaped[np.ndarray, "c *s"]
    spacing: tuple[float, ...]
    unit: Unit
    orientation: str = ""

    @property
    def image(self) -> Float[Tensor, "c *s"]:
        """The values as float32, or as float64 if float32 would lose digits.

        Raises:
            CaseError: some values are not finite.
        """
        values = self.values.astype(np.float64)
        if not np.isfinite(values).all():
            raise CaseError("the image holds NaN or infinite values: mend or leave out the case")
        with np.errstate(over="ignore"):
            narrow = values.astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(narrow if np.array_equal(narrow, values) else values))

    @property
    def mask(self) -> Integer[Tensor, "*s"]:
        """The values as the integers of a mask.

        Raises:
            CaseError: values are fractional, not finite or too large, or channels differ.
        """
        values = self.values[0]
        if any(not np.array_equal(values, channel) for channel in self.values[1:]):
            raise CaseError("the mask has several channels that differ: store one integer a pixel")
        wide = values.astype(np.float64)
        if not np.array_equal(np.rint(wide), wide) or np.abs(wide).max() >= 2**31:
            raise CaseError("the mask has values that are not whole numbers: store one integer a pixel")
        return torch.from_numpy(np.ascontiguousarray(wide.astype(np.int32)))

    @property
    def stored_range(self) -> tuple[float, float] | None:
        """The range of an 8-bit or boolean type; None for wider types.

        The range of a 16-bit type says nothing about the image: an MRI stored as int16 with values up to 800 would get
        noise of standard deviation 6553 at level 10. Such images use their own minimum and maximum, unless a window is
        declared.
        """
        return {np.dtype(np.uint8): (0.0, 255.0), np.dtype(np.bool_): (0.0, 1.0)}.get(self.values.dtype)


def suffix_of(path: Path) -> str:
    """The image suffix of a file name in lower case, such as `.nii.gz`; "" if the file is not an image."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def read(path: Path, *, mask: bool = False) -> Stored:
    """Read an image file with one of `SUFFIXES`.

    Args:
        path: path of the file.
        mask: whether the file holds a mask; then a palette is ignored, because it only serves display.

    Raises:
        CaseError: the file is missing, truncated or not an image, or its values or spacing are not valid.
    """
    suffix = suffix_of(path)
    try:
        if suffix in PICTURES:
            stored = _picture(path, mask)
        elif suffix in NIFTI:
            stored = _nifti(path)
        elif suffix in ITK:
            stored = _itk(path)
        elif suffix:
            stored = _arrays(path)
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


def _picture(path: Path, mask: bool) -> Stored:
    with Pictures.open(path) as picture:
        if getattr(picture, "n_frames", 1) > 1:
            raise CaseError(f"{path.name} has {picture.n_frames} pages: store one image a file, or a volume as NIfTI")
        if picture.mode in ("RGB", "RGBA", "LA") and any(";16" in str(tile.args) for tile in picture.tile):
            # Pillow would reduce each channel from 16 bits to 8.
            values = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
        elif picture.mode in ("P", "PA", "CMYK", "YCbCr", "HSV", "LAB") and not mask:
            values = np.asarray(picture.convert("RGBA" if "transparency" in picture.info else "RGB"))
        else:
            values = np.asarray(picture)
    values = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
    if len(values) in (2, 4):
        if (values[-1] != values[-1].flat[0]).any():
            raise CaseError(f"{path.name} has an opacity channel that varies: store it without one")
        values = values[:-1]
    return Stored(values, (1.0, 1.0), "px")


def _nifti(path: Path) -> Stored:
    image = nibabel.load(path)
    values = np.asanyarray(image.dataobj)
    if values.ndim not in (2, 3, 4):
        raise CaseError(f"{path.name} has {values.ndim} axes: known are two or three, and a last one for channels")
    # The header has single precision: 0.7 mm is stored as 0.699999988.
    zooms = tuple(float(f"{zoom:.6g}") for zoom in image.header.get_zooms()[: min(values.ndim, 3)])
    orientation = "".join(axis or "?" for axis in aff2axcodes(image.affine))[: len(zooms)]
    # Four axes: the last holds channels, as in the Medical Segmentation Decathlon.
    values = np.moveaxis(values, -1, 0) if values.ndim == 4 else values[None]
    if values.ndim == 4 and values.shape[-1] == 1:
        values, zooms, orientation = values[..., 0], zooms[:2], orientation[:2]
    unit = image.header.get_xyzt_units()[0]
    if unit == "unknown" and all(zoom == 1 for zoom in zooms):
        return Stored(values, zooms, "px", orientation)
    return Stored(values, tuple(zoom * _MILLIMETRES.get(unit, 1.0) for zoom in zooms), "mm", orientation)


def _itk(path: Path) -> Stored:
    image = SimpleITK.ReadImage(str(path))
    values = SimpleITK.GetArrayFromImage(image)
    values = np.moveaxis(values, -1, 0) if image.GetNumberOfComponentsPerPixel() > 1 else values[None]
    values = values.transpose(0, *range(values.ndim - 1, 0, -1))  # SimpleITK's arrays have the last axis first
    spacing = tuple(float(step) for step in image.GetSpacing())
    if values.ndim == 4 and values.shape[-1] == 1:
        values, spacing = values[..., 0], spacing[:2]
    if values.ndim not in (3, 4):
        raise CaseError(f"{path.name} has {values.ndim - 1} axes: known are two or three")
    # These formats write a spacing of 1 where none was given.
    return Stored(values, spacing, "mm" if any(step != 1 for step in spacing) else "px")


def _arrays(path: Path) -> Stored:
    """Read an array (*S) or (C, *S). Without a spacing, the first of three axes is channels if its extent is 1 or 3."""
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in arrays.files if name != "spacing"]
        if "image" not in names and len(names) != 1:
            raise CaseError(
                f"{path.name} holds {', '.join(names) or 'nothing'}: name one array image, or store only one"
            )
        values = arrays["image" if "image" in names else names[0]]
        spacing = tuple(arrays["spacing"].astype(float).ravel().tolist()) if "spacing" in arrays.files else None
    if spacing is not None:
        axes = len(spacing)
    else:
        axes = 2 if values.ndim == 3 and len(values) in (1, 3) else min(values.ndim, 3)
    if axes not in (2, 3) or values.ndim not in (axes, axes + 1):
        raise CaseError(
            f"{path.name} has an array of shape {values.shape} and the spacing {spacing}: store (*S) or (C, *S) with "
            "two or three axes S, and a spacing for each of these"
        )
    values = values[None] if values.ndim == axes else values
    return Stored(values, spacing or (1.0,) * axes, "px" if spacing is None else "mm")


def _reason(error: Exception, path: Path) -> str:
    """The message of a library in one line. SimpleITK's messages begin with its source files, which are left out."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = next((line for line in lines if "ERROR" in line), lines[0] if lines else type(error).__name__)
    return message.rpartition("ERROR: ")[2].replace(str(path), path.name)[:160]
