"""Makes a case of an X-ray and the masks of its lungs."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Shaped
from PIL import Image

from robustq.dataset import Case, Entry, own_range
from robustq.errors import CaseError
from robustq.shapes import by
from robustq_data.picture_file import PICTURES
from robustq_data.reading import read
from robustq_data.stored import Stored

LABELS = {1: "lung"}
"""Both lungs have one label, because the masks of NIH do not tell them apart."""

WRAP_OPTIONS = ("--dims", "2", "--size", "512x512", "--normalise", "min-max")

INSIDE = 127
"""The value of an 8-bit mask above which a pixel is inside."""


def grey_picture(path: Path) -> Shaped[np.ndarray, "h w"]:
    """The values of a grey picture, also where it is stored with three equal channels.

    Raises:
        CaseError: it cannot be read, or its channels differ.
    """
    values = read(path).values
    if any(not np.array_equal(values[0], channel) for channel in values[1:]):
        raise CaseError(f"{path.name} has colours, an X-ray has none: fetch the file again")
    return np.asarray(values[0])


def inside(path: Path) -> Bool[np.ndarray, "h w"]:
    """Where a mask of two values is not 0. Masks of GIF are read too.

    Raises:
        CaseError: it cannot be read.
    """
    values = grey_picture(path) if path.suffix.lower() in PICTURES else gif(path)
    return np.asarray(values > (INSIDE if values.dtype == np.uint8 and values.max() > 1 else 0))


def gif(path: Path) -> Shaped[np.ndarray, "h w"]:
    """The values of a GIF as grey values from 0 to 255.

    Raises:
        CaseError: it cannot be read.
    """
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("L"))
    except (OSError, ValueError) as error:
        raise CaseError(f"{path.name} cannot be read as a picture: fetch the file again") from error


def xray_case(entry: Entry, values: np.ndarray, lungs: np.ndarray) -> Case:
    """A case of an X-ray. A mask of a coarser grid over the same extent is brought to the image's pixels.

    Args:
        entry: name, group, domain and split.
        values: grey values.
        lungs: where a lung is.

    Raises:
        CaseError: the image's sides are no whole multiple of the mask's, by one factor.
    """
    factor = values.shape[0] // lungs.shape[0]
    if values.shape != (lungs.shape[0] * factor, lungs.shape[1] * factor):
        raise CaseError(
            f"the image has {by(values.shape)} pixels, the mask {by(lungs.shape)}: the image's sides must be the same "
            "whole multiple of the mask's"
        )
    mask = lungs.repeat(factor, axis=0).repeat(factor, axis=1).astype(np.int32)
    stored = Stored(values[None], (1.0, 1.0), "px")
    limits = stored.stored_range
    image = stored.image
    ranges = own_range(image) if limits is None else torch.tensor([limits], dtype=torch.float64)
    return Case(image, torch.from_numpy(mask), ranges, (1.0, 1.0), "px", entry)
