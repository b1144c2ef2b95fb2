"""Reads cases from files, for every dataset that is stored in files."""

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from robustq.data.placement import placed
from robustq.dataset import Case, Entry, own_range
from robustq.errors import CaseError
from robustq.shapes import by
from robustq_data.dicom_series import dicom_files
from robustq_data.itk_file import detached
from robustq_data.notes import BY_ARRAY_ORDER, TURNED, Notes
from robustq_data.reading import read, suffix_of
from robustq_data.stored import Stored


@dataclass(frozen=True)
class Files:
    """The files of a case: one or several images that hold its channels, and the mask, or None where there is none. A
    DICOM series is its folder."""

    images: tuple[Path, ...]
    mask: Path | None


def read_case(entry: Entry, files: Files, window: tuple[float, float] | None, notes: Notes) -> Case:
    """Read the case that these files hold. `notes` gets what is worth saying about it.

    Raises:
        CaseError: it cannot be used; the message says why.
    """
    mask = None if files.mask is None else _read_mask(files.mask)
    beside = None if mask is None else mask.values.shape[1:]
    first, *others = (read(path, beside=beside) for path in files.images)
    array_orders = []
    if mask is not None:
        _check_spacings(mask, first)
        mask, by_array_order = _placed(mask, first)
        array_orders.append(by_array_order)
    images = [first]
    for path, other in zip(files.images[1:], others, strict=True):
        channel, by_array_order = _placed(other, first, path.name)
        images.append(channel)
        array_orders.append(by_array_order)
    if any(array_orders):
        notes.add(BY_ARRAY_ORDER, entry.id)
    if first.turned and mask is not None and not mask.turned:
        notes.add(TURNED, entry.id)
    for guess in {stored.guess for stored in (mask, *images) if stored is not None} - {""}:
        notes.add(guess, entry.id)
    return Case(
        image=torch.cat([image.image for image in images]),
        mask=None if mask is None else mask.mask,
        intensity_range=torch.cat([_range(image, window) for image in images]),
        spacing=first.spacing,
        unit=first.unit,
        entry=entry,
        orientation="" if first.grid is None else first.grid.orientation[: len(first.spacing)],
    )


def _read_mask(path: Path) -> Stored:
    """The mask. Its file often has the name of the image, so a message says which of the two it means."""
    try:
        return read(path, mask=True)
    except CaseError as error:
        raise CaseError(f"in {path.parent.name}/, {error}") from error


def _placed(other: Stored, image: Stored, name: str = "the mask") -> tuple[Stored, bool]:
    """A mask or a further channel in the array order of its image, and whether it was matched by array order only."""
    values, by_array_order = placed(other.values, other.grid, shape=image.values.shape[1:], to=image.grid, name=name)
    return replace(other, values=values, spacing=image.spacing, unit=image.unit, grid=image.grid), by_array_order


def _check_spacings(mask: Stored, image: Stored) -> None:
    """Refuse a mask and an image without affines whose spacings contradict each other."""
    spaced = mask.grid is None and image.grid is None and mask.unit == image.unit == "mm"
    if spaced and not np.allclose(mask.spacing, image.spacing, rtol=0.01):
        raise CaseError(
            f"the image has the spacing {by(image.spacing)}, the mask {by(mask.spacing)}: mend the one that is wrong"
        )


def _range(image: Stored, window: tuple[float, float] | None) -> Float[Tensor, "c 2"]:
    """The intensity range: the declared window, else the range of the stored type, else the image's own range."""
    declared = window or image.stored_range
    if declared is None:
        return own_range(image.image)
    return torch.tensor([declared] * len(image.values), dtype=torch.float64)


def fingerprint(files: Files) -> str:
    """A hash of the image files' bytes, sixteen hexadecimal digits.

    The values of a `.nhdr` file stand in a file of their own, which counts too. A `.mhd` file counts by its header
    alone, because the models of earlier versions remember it so.
    """
    digest = sha256()
    for path in (file for image in files.images for file in dicom_files(image) or (image,)):
        values = detached(path) if suffix_of(path) == ".nhdr" and path.is_file() else None
        for part in (path, values):
            digest.update(part.read_bytes() if part is not None and part.is_file() else b"")
    return digest.hexdigest()[:16]
