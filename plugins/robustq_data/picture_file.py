"""Reads a PNG, JPEG or TIFF file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK
from PIL import Image as Pictures
from PIL.ExifTags import Base

from robustq.errors import CaseError
from robustq_data.stored import Stored

PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")

_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda values: np.rot90(values, 2),
    4: np.flipud,
    5: lambda values: np.swapaxes(values, 0, 1),
    6: lambda values: np.rot90(values, 3),
    7: lambda values: np.rot90(np.swapaxes(values, 0, 1), 2),
    8: np.rot90,
}
"""EXIF orientation -> what viewers do before they show the picture; every other orientation is upright."""

_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO = 0
_UNSIGNED, _SIGNED = 1, 2
"""Tags of a TIFF, and what the second and the third one say."""


def read_picture(path: Path, mask: bool) -> Stored:
    """The content of a picture, turned as its EXIF orientation asks.

    Args:
        path: path of the file.
        mask: whether the file holds a mask; then a palette is ignored, because it only serves display.

    Raises:
        CaseError: it has several pages, or an opacity that varies.
    """
    with Pictures.open(path) as picture:
        if getattr(picture, "n_frames", 1) > 1:
            raise CaseError(f"{path.name} has {picture.n_frames} pages: store one image a file, or a volume as NIfTI")
        # Pillow maps an uncompressed TIFF into memory if it knows the file, and then mixes up width and height of one
        # with an EXIF orientation of 5 to 8.
        picture.filename = ""
        # Asked first, because Pillow loads a PNG to read its EXIF, and forgets how it was stored.
        wide = picture.mode in ("RGB", "RGBA", "LA") and any(";16" in str(tile.args) for tile in picture.tile)
        turned = picture.getexif().get(Base.Orientation) in _UPRIGHT
        if wide:
            values = _wide_colours(path, str(picture.format), turned)
        elif picture.mode in ("P", "PA", "CMYK", "YCbCr", "HSV", "LAB") and not mask:
            values = np.asarray(picture.convert("RGBA" if "transparency" in picture.info else "RGB"))
        else:
            values = _typed(np.asarray(picture), picture)
            if not mask and values.dtype == np.uint16 and _is_white_zero(picture):
                values = np.iinfo(np.uint16).max - values  # which Pillow does for up to 8 bits
        # Pillow turns a TIFF itself when it loads the values, and then forgets the orientation.
        upright = _UPRIGHT.get(picture.getexif().get(Base.Orientation, 1))
    values = values if upright is None else upright(values)
    values = values[None] if values.ndim == 2 else np.moveaxis(values, -1, 0)
    if len(values) in (2, 4):
        if (values[-1] != values[-1].flat[0]).any():
            raise CaseError(f"{path.name} has an opacity channel that varies: store it without one")
        values = values[:-1]
    return Stored(values, (1.0, 1.0), "px", turned=turned)


def _typed(values: np.ndarray, picture: Pictures.Image) -> np.ndarray:
    """The values of a picture in their type. Pillow reads signed bytes of a TIFF as unsigned, and 32 bits as signed."""
    tags = getattr(picture, "tag_v2", {})
    kind = {(_SIGNED, 8): np.int8, (_UNSIGNED, 32): np.uint32}.get(
        (tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0], tags.get(_BITS, (1,))[0])
    )
    return values if kind is None else values.view(kind)


def _is_white_zero(picture: Pictures.Image) -> bool:
    """Whether a TIFF stores white as 0, as a radiograph that is MONOCHROME1."""
    return bool(getattr(picture, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def _wide_colours(path: Path, kind: str, turned: bool) -> np.ndarray:
    """The values of a picture with 16 bits in each of several channels. Pillow would reduce them to 8 bits."""
    if kind == "TIFF" and turned:
        raise CaseError(f"{path.name} has 16-bit colours and an EXIF orientation: save it upright, or as PNG")
    reader = {"PNG": "PNGImageIO", "TIFF": "TIFFImageIO"}.get(kind, "")
    values: np.ndarray = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path), imageIO=reader))
    return values
