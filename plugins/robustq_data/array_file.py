"""Reads an NPZ file."""

import math
import zipfile
from pathlib import Path

import numpy as np

from robustq.errors import CaseError
from robustq_data.promised import check_promise
from robustq_data.stored import Stored

ARRAYS = ".npz"

FIRST_OR_LAST = (
    "cases whose channels could be the first or the last axis of the array, and were read as the first (an entry "
    "spacing in the NPZ file, with one number for each other axis, confirms that)"
)


def read_arrays(path: Path, beside: tuple[int, ...] | None) -> Stored:
    """The content of an NPZ file: an array (*S), (C, *S) or (*S, C), and perhaps a spacing for each axis of S.

    Args:
        path: path of the file.
        beside: the shape of the case's mask, which decides which axis holds channels; None if it is not known.

    Raises:
        CaseError: the arrays have other names or shapes.
    """
    _check_promise(path)
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in arrays.files if name != "spacing"]
        if "image" not in names and len(names) != 1:
            raise CaseError(
                f"{path.name} holds {', '.join(names) or 'nothing'}: name one array image, or store only one"
            )
        values = arrays["image" if "image" in names else names[0]]
        spacing = tuple(arrays["spacing"].astype(float).ravel().tolist()) if "spacing" in arrays.files else None
    axes, channels = _axes(values.shape, None if spacing is None else len(spacing), beside)
    if axes not in (2, 3) or values.ndim not in (axes, axes + 1):
        raise CaseError(
            f"{path.name} has an array of shape {values.shape} and the spacing {spacing}: store (*S), (C, *S) or "
            "(*S, C) with two or three axes S, and a spacing for each of these"
        )
    guess = FIRST_OR_LAST if spacing is None and len(channels) == 2 else ""
    values = values[None] if values.ndim == axes else np.moveaxis(values, channels[0] if channels else 0, 0)
    return Stored(values, spacing or (1.0,) * axes, "px" if spacing is None else "mm", guess=guess)


def _check_promise(path: Path) -> None:
    """Read the header of each array and compare it with the bytes that the archive holds for this array."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as stream:
                version = np.lib.format.read_magic(stream)
                read_header = (
                    np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                )
                shape, _, kind = read_header(stream)
            stored = min(entry.file_size, entry.compress_size * 1100)
            check_promise(path, math.prod(shape) * kind.itemsize, compressed=False, stored=stored)


def _axes(shape: tuple[int, ...], spaced: int | None, beside: tuple[int, ...] | None) -> tuple[int, list[int]]:
    """The number of spatial axes of an array, and the axes that could hold its channels."""
    channels = [axis for axis, rest in ((0, shape[1:]), (-1, shape[:-1])) if rest == beside]
    if spaced is not None:
        return spaced, channels
    if shape == beside:
        return len(shape), []
    if channels:
        return len(shape) - 1, channels
    return 2 if len(shape) == 3 and shape[0] in (1, 3) else min(len(shape), 3), []
