"""Resizing, resampling, cropping and padding, by TorchIO."""

import math

import numpy as np
import torch
import torchio
from scipy.ndimage import gaussian_filter
from torch import Tensor

SMOOTHED_FROM = 2.0
"""Images that shrink by more than this along an axis are smoothed first; up to it, linear interpolation sees every
voxel."""


def resample(
    image: Tensor,
    masks: Tensor | None,
    spacing: tuple[float, ...],
    *,
    size: tuple[int | None, ...] | None,
    spacing_to: tuple[float | None, ...] | None,
) -> tuple[Tensor, Tensor | None, tuple[float, ...]]:
    """An image (C, *S) and boolean masks (L, *S) on another grid over the same extent.

    Linear for the image, nearest neighbour for the masks.

    Args:
        image: floating point.
        masks: boolean, or None.
        spacing: of the present grid.
        size: voxels wanted along each axis, None to keep an axis.
        spacing_to: or the spacing wanted along each axis, None to keep it.

    Returns:
        Image, masks (None where None was given), and the spacing of the new grid.
    """
    shape = tuple(image.shape[1:])
    if size is not None:
        wanted = tuple(old if new is None else new for old, new in zip(shape, size, strict=True))
        target = tuple(old * step / new for old, step, new in zip(shape, spacing, wanted, strict=True))
    elif spacing_to is not None:
        target = tuple(old if new is None else float(new) for old, new in zip(spacing, spacing_to, strict=True))
        wanted = tuple(max(1, round(old * step / new)) for old, step, new in zip(shape, spacing, target, strict=True))
    else:
        return image, masks, spacing
    if wanted == shape and target == spacing:
        return image, masks, spacing
    flat = image.ndim == 3
    # Given a spacing alone, TorchIO rounds the number of voxels down, by one too many where 48 comes out as 47.99....
    shifts = [
        ((new - 1) * to - (old - 1) * step) / 2
        for old, new, step, to in zip(shape, wanted, spacing, target, strict=True)
    ]
    affine = np.diag([*target, 1.0, 1.0] if flat else [*target, 1.0])
    affine[: len(shifts), 3] = -np.array(shifts)
    transform = torchio.Resample(((*wanted, 1) if flat else wanted, affine))
    image = _smooth(image, tuple(new / old for old, new in zip(spacing, target, strict=True)))
    with torch.random.fork_rng(devices=[]):  # TorchIO asks the global generator whether to resample at all
        subject = transform(_subject(image, masks, (*spacing, 1.0) if flat else spacing))
    image, masks = _tensors(subject, flat)
    return image, masks, target


def crop_or_pad(image: Tensor, masks: Tensor | None, size: tuple[int | None, ...]) -> tuple[Tensor, Tensor | None]:
    """Cut or pad an image and its masks about the centre, to the extents of `size`; None in it keeps an axis.

    An image is padded with the minimum of each channel, masks with background. Masks may be None.

    Where the centre falls between two voxels it goes where TorchIO's CropOrPad has it, which would pad all channels
    with the minimum of them all.
    """
    wanted = tuple(old if new is None else new for old, new in zip(image.shape[1:], size, strict=True))
    cut = _about_centre(image, wanted, image.flatten(1).amin(1))
    return cut, None if masks is None else _about_centre(masks, wanted, torch.zeros(len(masks), dtype=torch.bool))


def _about_centre(tensor: Tensor, wanted: tuple[int, ...], fill: Tensor) -> Tensor:
    """A tensor (C, *S) on the grid `wanted` with the same centre, filled up with one value a channel."""
    result = fill.view(-1, *[1] * len(wanted)).repeat(1, *wanted)
    taken, put = [slice(None)], [slice(None)]
    for old, new in zip(tensor.shape[1:], wanted, strict=True):
        common, half = min(old, new), (abs(old - new) + 1) // 2
        taken.append(slice(half, half + common) if old > new else slice(common))
        put.append(slice(half, half + common) if new > old else slice(common))
    result[tuple(put)] = tensor[tuple(taken)]
    return result


def _smooth(image: Tensor, factors: tuple[float, ...]) -> Tensor:
    """Blurred along the axes that shrink by more than `SMOOTHED_FROM`, as Cardoso et al. (MICCAI 2015) derive it.

    TorchIO's own smoothing refuses images of fewer than four voxels along an axis, and so every 2D image.
    """
    sigmas = [((factor**2 - 1) / (8 * math.log(2))) ** 0.5 if factor > SMOOTHED_FROM else 0.0 for factor in factors]
    if not any(sigmas):
        return image
    return torch.from_numpy(np.stack([gaussian_filter(channel, sigmas) for channel in image.numpy()]))


def _subject(image: Tensor, masks: Tensor | None, spacing: tuple[float, ...]) -> torchio.Subject:
    """TorchIO knows volumes only: an image becomes one slice."""
    affine = np.diag([*spacing, 1.0])
    parts = {"image": torchio.ScalarImage(tensor=_volume(image), affine=affine)}
    if masks is not None:
        parts["masks"] = torchio.LabelMap(tensor=_volume(masks.to(torch.uint8)), affine=affine)
    return torchio.Subject(parts)


def _volume(tensor: Tensor) -> Tensor:
    return tensor.unsqueeze(-1) if tensor.ndim == 3 else tensor


def _tensors(subject: torchio.Subject, flat: bool) -> tuple[Tensor, Tensor | None]:
    image = subject["image"].data
    masks = subject["masks"].data.bool() if "masks" in subject else None
    if not flat:
        return image, masks
    return image[..., 0], None if masks is None else masks[..., 0]
