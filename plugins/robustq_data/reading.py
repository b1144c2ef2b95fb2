"""One image file as a tensor, with its spacing and what its stored type says about its range."""

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
VOLUMES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")
SUFFIXES = (*PICTURES, *VOLUMES, ".npz")


@dataclass(frozen=True)
class Stored:
    """What a file holds.

    Attributes:
        values: (C, *S), in the stored type.
        spacing: extent of a voxel along each axis of S.
        unit: "mm" where the file has a real spacing, else "px".
        orientation: anatomical direction of each axis where the file knows it, such as "RAS", else "".
    """

    values: Shaped[np.ndarray, "c *s"]
    spacing: tuple[float, ...]
    unit: Unit
    orientation: str = ""

    @property
    def image(self) -> Float[Tensor, "c *s"]:
        """The values as float32; float64 where float32 would lose digits.

        Raises:
            CaseError: some are not finite.
        """
        wide = np.float64 if self.values.dtype in (np.float64, np.int32, np.uint32, np.int64, np.uint64) else np.float32
        values = self.values.astype(wide)
        if wide is np.float64 and np.array_equal(values.astype(np.float32), values, equal_nan=True):
            values = values.astype(np.float32)
        if not np.isfinite(values).all():
            raise CaseError("the image holds NaN or infinite values")
        return torch.from_numpy(np.ascontiguousarray(values))

    @property
    def mask(self) -> Integer[Tensor, "*s"]:
        """The values as the integers of a mask.

        Raises:
            CaseError: they are fractional or not finite, or there are several differing channels.
        """
        values = self.values[0]
        if any(not np.array_equal(values, channel) for channel in self.values[1:]):
            raise CaseError("the mask has several channels that differ: store one integer a pixel")
        if values.dtype == np.bool_:
            values = values.astype(np.uint8)
        whole = np.round(values.astype(np.float64)) if values.dtype.kind == "f" else values
        if not np.array_equal(whole, values) or np.abs(whole.astype(np.float64)).max(initial=0) > 2**31:
            raise CaseError("the mask has values that are not whole numbers: store one integer a pixel")
        return torch.from_numpy(np.ascontiguousarray(whole.astype(np.int32)))

    @property
    def stored_range(self) -> tuple[float, float] | None:
        """The range of an 8-bit or boolean type; None for wider ones.

        A 16-bit container is not a scale: an MRI stored as int16 with values up to 800 would, at level 10, get noise of
        standard deviation 6553. Such images have their own minimum and maximum, unless a window is declared.
        """
        return {np.dtype(np.uint8): (0.0, 255.0), np.dtype(np.bool_): (0.0, 1.0)}.get(self.values.dtype)


def suffix_of(path: Path) -> str:
    """The image suffix of a file name in lower case, `.nii.gz` whole; "" if it is none."""
    name = path.name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")


def read(path: Path) -> Stored:
    """Read an image file of any of `SUFFIXES`.

    Raises:
        CaseError: it is missing, truncated, or not an image.
    """
    suffix = suffix_of(path)
    try:
        if suffix in PICTURES:
            return _picture(path)
        if suffix in (".nii", ".nii.gz"):
            return _nifti(path)
        if suffix == ".npz":
            return _arrays(path)
        if suffix:
            return _metaimage(path)
    except CaseError:
        raise
    except Exception as error:  # each library has its own ways of refusing a file
        raise CaseError(f"{path.name} cannot be read as an image ({_first_line(error)})") from error
    raise CaseError(f"{path.name} is not an image: known are {', '.join(SUFFIXES)}")


def _picture(path: Path) -> Stored:
    with Pictures.open(path) as picture:
        if getattr(picture, "n_frames", 1) > 1:
            raise CaseError(f"{path.name} has {picture.n_frames} pages: store one image a file, or a volume as NIfTI")
        if picture.mode in ("P", "PA", "CMYK", "YCbCr", "HSV", "LAB"):
            # A palette's colours are the image, but in a mask its indices are the labels.
            values = np.asarray(picture if picture.mode == "P" and _is_mask(path) else picture.convert("RGB"))
        elif picture.mode == "1":
            values = np.asarray(picture, dtype=np.uint8)
        else:
            values = np.asarray(picture)
    if values.ndim == 3:
        values = np.moveaxis(values, -1, 0)
        if values.shape[0] in (2, 4):  # the last channel is opacity
            if (values[-1] != values[-1].flat[0]).any():
                raise CaseError(f"{path.name} has an opacity channel that varies: store it without one")
            values = values[:-1]
    else:
        values = values[None]
    return Stored(values, (1.0, 1.0), "px")


def _is_mask(path: Path) -> bool:
    return any(part.lower().startswith(("mask", "label")) for part in path.parts[:-1])


def _nifti(path: Path) -> Stored:
    image = nibabel.load(path)
    values = np.asanyarray(image.dataobj)
    zooms = tuple(float(zoom) for zoom in image.header.get_zooms()[: min(values.ndim, 3)])
    named = image.header.get_xyzt_units()[0]
    scale = {"meter": 1000.0, "micron": 0.001}.get(named, 1.0)
    # Four axes: the last holds channels, as in the Medical Segmentation Decathlon.
    values = np.moveaxis(values, -1, 0) if values.ndim == 4 else values[None]
    orientation = "".join(axis or "?" for axis in aff2axcodes(image.affine)) if values.ndim == 4 else ""
    if values.ndim == 4 and values.shape[-1] == 1:
        values, zooms, orientation = values[..., 0], zooms[:2], orientation[:2]
    if values.ndim not in (3, 4):
        raise CaseError(f"{path.name} has {values.ndim - 1} spatial axes: 2 or 3 are known")
    real = named != "unknown" or any(zoom != 1 for zoom in zooms)
    spacing = tuple(zoom * scale for zoom in zooms)
    return Stored(values, spacing if real else (1.0,) * len(zooms), "mm" if real else "px", orientation)


def _metaimage(path: Path) -> Stored:
    image = SimpleITK.ReadImage(str(path))
    values = SimpleITK.GetArrayFromImage(image)  # axes reversed, channels last
    channels = image.GetNumberOfComponentsPerPixel() > 1
    values = np.moveaxis(values, -1, 0) if channels else values[None]
    values = values.transpose(0, *range(values.ndim - 1, 0, -1))
    spacing = tuple(float(step) for step in image.GetSpacing())
    if values.ndim == 4 and values.shape[-1] == 1:
        values, spacing = values[..., 0], spacing[:2]
    real = any(step != 1 for step in spacing)
    return Stored(values, spacing, "mm" if real else "px")


def _arrays(path: Path) -> Stored:
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in arrays.files if name != "spacing"]
        name = next(
            (known for known in ("image", "mask", "label") if known in names), names[0] if len(names) == 1 else ""
        )
        if not name:
            raise CaseError(
                f"{path.name} holds {', '.join(names) or 'nothing'}: name the array image, or store one only"
            )
        values = arrays[name]
        spacing = tuple(float(step) for step in arrays["spacing"]) if "spacing" in arrays.files else None
    axes = len(spacing) if spacing is not None else (2 if values.ndim == 3 and values.shape[0] in (1, 3) else None)
    if axes is None:
        axes = min(values.ndim, 3)
    if values.ndim == axes:
        values = values[None]
    if values.ndim != axes + 1 or axes not in (2, 3):
        raise CaseError(f"{path.name} has an array of shape {values.shape}: store (C, *S) or (*S) with 2 or 3 axes *S")
    return Stored(values, spacing or (1.0,) * axes, "px" if spacing is None else "mm")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:160] if lines else type(error).__name__
