"""Reads cases from files, for every dataset that is stored in files."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from nibabel.orientations import apply_orientation, axcodes2ornt, ornt_transform
from torch import Tensor

from robustq.dataset import Case, Entry, own_range
from robustq.errors import CaseError
from robustq.shapes import by
from robustq_data.reading import Stored, read


@dataclass(frozen=True)
class Files:
    """The files of a case: one or several images that hold its channels, and the mask."""

    images: tuple[Path, ...]
    mask: Path


def read_case(entry: Entry, files: Files, window: tuple[float, float] | None) -> Case:
    """Read the case that these files hold.

    Raises:
        CaseError: it cannot be used; the message says why.
    """
    images = [read(path) for path in files.images]
    first = images[0]
    for path, image in zip(files.images, images, strict=True):
        if image.values.shape[1:] != first.values.shape[1:]:
            raise CaseError(f"{path.name} has the shape {_shape(image)}, the other channels {_shape(first)}")
    mask = _aligned(read(files.mask, mask=True), first)
    if mask.values.shape[1:] != first.values.shape[1:]:
        raise CaseError(f"the image has the shape {_shape(first)}, the mask {_shape(mask)}: they must be equal")
    ranges = [_range(image, window) for image in images]
    return Case(
        image=torch.cat([image.image for image in images]),
        mask=mask.mask,
        intensity_range=torch.cat(ranges),
        spacing=first.spacing,
        unit=first.unit,
        entry=entry,
    )


def _range(image: Stored, window: tuple[float, float] | None) -> Float[Tensor, "c 2"]:
    """The intensity range: the declared window, else the range of the stored type, else the image's own range."""
    declared = window or image.stored_range
    if declared is None:
        return own_range(image.image)
    return torch.tensor([declared] * len(image.values), dtype=torch.float64)


def fingerprint(files: Files) -> str:
    """A hash of the image files' bytes, sixteen hexadecimal digits."""
    digest = sha256()
    for path in files.images:
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:16]


def _aligned(mask: Stored, image: Stored) -> Stored:
    """The mask with its axes flipped and exchanged to match the image's, if both files store their directions."""
    if mask.orientation == image.orientation or not (mask.orientation and image.orientation):
        return mask
    turn = ornt_transform(axcodes2ornt(mask.orientation), axcodes2ornt(image.orientation))
    values = np.stack([apply_orientation(channel, turn) for channel in mask.values])
    return Stored(values, image.spacing, image.unit, image.orientation)


def _shape(stored: Stored) -> str:
    return by(stored.values.shape[1:])
