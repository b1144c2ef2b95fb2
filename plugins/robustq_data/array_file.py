"""Reads an NPZ file."""

import math
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np

from robustq.data.item_axes import colour_axis, is_one_hot
from robustq.errors import CaseError
from robustq_data.promised import check_promise
from robustq_data.stored import Stored

ARRAYS = ".npz"

FIRST_OR_LAST = (
    "cases whose channels could be the first or the last axis of the array, and were read as the first (an entry "
    "spacing in the NPZ file, with one number for each other axis, confirms that)"
)

COLOURS_OR_SLICES = (
    "cases whose mask has three equal layers, which were read as colours and not as slices (an entry spacing with "
    "three numbers in the NPZ files says that they are slices)"
)

_NAMES = {"image": ("image",), "mask": ("mask", "label", "image")}
"""The arrays that are looked for in the file of an image and of a mask."""


def read_arrays(path: Path, role: Literal["image", "mask"], beside: tuple[int, ...] | None) -> Stored:
    """The content of an NPZ file: an array (*S), (C, *S) or (*S, C), and perhaps a spacing for each axis of S.

    Args:
        path: path of the file.
        role: what the file holds.
        beside: the shape of the case's mask, which decides which axis holds channels; None if it is not known.

    Raises:
        CaseError: the arrays have other names or shapes, or a mask has a layer for each label.
    """
    _check_promise(path)
    with np.load(path, allow_pickle=False) as arrays:
        names = [name for name in arrays.files if name != "spacing"]
        chosen = next((name for name in _NAMES[role] if name in names), names[0] if len(names) == 1 else None)
        if chosen is None:
            raise CaseError(
                f"{path.name} holds {', '.join(names) or 'nothing'}: name one array {role}, or store only one"
            )
        values = arrays[chosen]
        spacing = tuple(arrays["spacing"].astype(float).ravel().tolist()) if "spacing" in arrays.files else None
    guess = ""
    if role == "mask" and spacing is None:
        values, guess = _one_layer(values, path)
    axes, channels = _axes(values.shape, None if spacing is None else len(spacing), beside)
    if axes not in (2, 3) or values.ndim not in (axes, axes + 1):
        raise CaseError(
            f"{path.name} has an array of shape {values.shape} and the spacing {spacing}: store (*S), (C, *S) or "
            "(*S, C) with two or three axes S, and a spacing for each of these"
        )
    if spacing is None and len(channels) == 2:
        guess = FIRST_OR_LAST
    values = values[None] if values.ndim == axes else np.moveaxis(values, channels[0] if channels else 0, 0)
    return Stored(values, spacing or (1.0,) * axes, "px" if spacing is None else "mm", guess=guess)


def _one_layer(mask: np.ndarray, path: Path) -> tuple[np.ndarray, str]:
    """A mask without an axis of channels at its end, or of three equal colours; and what was guessed."""
    if is_one_hot(mask):
        raise CaseError(
            f"{path.name} has the shape {mask.shape} and a layer for each label: store one integer a pixel, such as "
            "mask.argmax(0)"
        )
    axis = colour_axis(mask)
    if axis is not None:
        return mask.take(0, axis=axis), COLOURS_OR_SLICES
    if mask.ndim in (3, 4) and mask.shape[-1] == 1:
        return mask[..., 0], ""
    return mask, ""


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
