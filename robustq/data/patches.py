"""Patches: the parts of a prepared case that a model sees, all of one size."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor
from torch.nn import functional as F

from robustq.dataset import Case
from robustq.errors import RequestError

NNUNET = "nnunet"
"""The windows of nnU-Net, as `Preparation.windows` names them."""

WEIGHTS = ("gaussian", "constant")
"""Weights that MONAI gives to the voxels of a window."""


def overlap_of(windows: str) -> float:
    """The overlap of MONAI's windows in a text such as "gaussian:0.5"; a ValueError where it has none."""
    return float(windows.partition(":")[2])


def check_windows(windows: str) -> None:
    """Refuse a text that names no windows.

    Raises:
        RequestError: it is neither nnU-Net's nor MONAI's weights with an overlap.
    """
    try:
        known = windows == NNUNET or (windows.partition(":")[0] in WEIGHTS and 0 <= overlap_of(windows) < 1)
    except ValueError:
        known = False
    if not known:
        raise RequestError(
            f"windows={windows!r} was given: give {NNUNET}, or weights and an overlap from 0 to below 1, such as "
            "gaussian:0.5 or constant:0.25"
        )


def pad_to_patch(tensor: Tensor, patch: Sequence[int]) -> Tensor:
    """A tensor whose last axes are spatial, padded with 0 where it is smaller than a patch.

    Both ends of an axis get the same number of zeros, the far end one more where the number is odd. This is the padding
    of MONAI's `sliding_window_inference`.
    """
    margins: list[int] = []
    # F.pad takes one (before, after) pair per axis, from the last axis to the first.
    for extent, wanted in zip(reversed(tensor.shape[-len(patch) :]), reversed(patch), strict=True):
        missing = max(wanted - extent, 0)
        margins += [missing // 2, missing - missing // 2]
    return F.pad(tensor, margins) if any(margins) else tensor


def pad_case(case: Case, patch: Sequence[int]) -> Case:
    """A case of which no axis is smaller than the patch; the added voxels are 0 and background."""
    return replace(
        case,
        image=pad_to_patch(case.image, patch),
        mask=None if case.mask is None else pad_to_patch(case.mask, patch),
        ignored=None if case.ignored is None else pad_to_patch(case.ignored, patch),
    )


def part_of(case: Case, corner: Sequence[int], extents: Sequence[int]) -> Case:
    """The part of a case with its first voxel at `corner`."""
    place = tuple(slice(start, start + extent) for start, extent in zip(corner, extents, strict=True))
    return replace(
        case,
        image=case.image[(slice(None), *place)],
        mask=None if case.mask is None else case.mask[(slice(None), *place)],
        ignored=None if case.ignored is None else case.ignored[place],
    )
