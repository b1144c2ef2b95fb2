"""Cases that lie in files: what every file-based dataset shares."""

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
    """Where a case lies: one file a channel group, and the mask."""

    images: tuple[Path, ...]
    mask: Path


def read_case(entry: Entry, files: Files, window: tuple[float, float] | None) -> Case:
    """The case that these files hold.

    Raises:
        CaseError: it cannot be used; the message says why.
    """
    parts = [read(path) for path in files.images]
    first = parts[0]
    for path, part in zip(files.images, parts, strict=True):
        if part.values.shape[1:] != first.values.shape[1:]:
            raise CaseError(f"{path.name} has the shape {_shape(part)}, the other channels {_shape(first)}")
    mask = _aligned(read(files.mask, mask=True), first)
    if mask.values.shape[1:] != first.values.shape[1:]:
        raise CaseError(f"the image has the shape {_shape(first)}, the mask {_shape(mask)}: they must be equal")
    ranges = [_range(part, window) for part in parts]
    return Case(
        image=torch.cat([part.image for part in parts]),
        mask=mask.mask,
        intensity_range=torch.cat(ranges),
        spacing=first.spacing,
        unit=first.unit,
        entry=entry,
    )


def _range(part: Stored, window: tuple[float, float] | None) -> Float[Tensor, "c 2"]:
    """The declared window, else the range of the stored type, else the image's own."""
    declared = window or part.stored_range
    if declared is None:
        return own_range(part.image)
    return torch.tensor([declared] * len(part.values), dtype=torch.float64)


def fingerprint(files: Files) -> str:
    """Sixteen hexadecimal digits of the image files' bytes."""
    digest = sha256()
    for path in files.images:
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()[:16]


def _aligned(mask: Stored, image: Stored) -> Stored:
    """The mask with its axes flipped and exchanged to run as the image's do, where both know their directions."""
    if mask.orientation == image.orientation or not (mask.orientation and image.orientation):
        return mask
    turn = ornt_transform(axcodes2ornt(mask.orientation), axcodes2ornt(image.orientation))
    values = np.stack([apply_orientation(channel, turn) for channel in mask.values])
    return Stored(values, image.spacing, image.unit, image.orientation)


def _shape(stored: Stored) -> str:
    return by(stored.values.shape[1:])
