"""Reads cases from files, for every dataset that is stored in files."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.dataset import Case, Entry, own_range
from robustq_data.notes import BY_ARRAY_ORDER, TURNED, Notes
from robustq_data.placement import placed
from robustq_data.reading import read
from robustq_data.stored import Stored


@dataclass(frozen=True)
class Files:
    """The files of a case: one or several images that hold its channels, and the mask."""

    images: tuple[Path, ...]
    mask: Path


def read_case(entry: Entry, files: Files, window: tuple[float, float] | None, notes: Notes) -> Case:
    """Read the case that these files hold. `notes` gets what is worth saying about it.

    Raises:
        CaseError: it cannot be used; the message says why.
    """
    mask = read(files.mask, mask=True)
    first, *others = (read(path, beside=mask.values.shape[1:]) for path in files.images)
    mask, *array_orders = placed(mask, first)
    images = [first]
    for path, other in zip(files.images[1:], others, strict=True):
        channel, by_array_order = placed(other, first, path.name)
        images.append(channel)
        array_orders.append(by_array_order)
    if any(array_orders):
        notes.add(BY_ARRAY_ORDER, entry.id)
    if first.turned and not mask.turned:
        notes.add(TURNED, entry.id)
    for guess in {image.guess for image in images} - {""}:
        notes.add(guess, entry.id)
    return Case(
        image=torch.cat([image.image for image in images]),
        mask=mask.mask,
        intensity_range=torch.cat([_range(image, window) for image in images]),
        spacing=first.spacing,
        unit=first.unit,
        entry=entry,
        orientation="" if first.grid is None else first.grid.orientation[: len(first.spacing)],
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
