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
    masks: Tensor,
    spacing: tuple[float, ...],
    *,
    size: tuple[int | None, ...] | None,
    spacing_to: tuple[float | None, ...] | None,
) -> tuple[Tensor, Tensor, tuple[float, ...]]:
    """An image (C, *S) and boolean masks (L, *S) on another grid over the same extent.

    Linear for the image, nearest neighbour for the masks.

    Args:
        image: floating point.
        masks: boolean.
        spacing: of the present grid.
        size: voxels wanted along each axis, None to keep an axis.
        spacing_to: or the spacing wanted along each axis, None to keep it.

    Returns:
        Image, masks, and the spacing of the new grid.
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
    transform = torchio.Resample((*target, 1.0) if flat else target)
    image = _smooth(image, tuple(new / old for old, new in zip(spacing, target, strict=True)))
    resampled = transform(_subject(image, masks, (*spacing, 1.0) if flat else spacing))
    image, masks = _tensors(resampled, flat)
    # The grid is one voxel longer or shorter than the extent where it does not divide.
    image, masks = crop_or_pad(image, masks, wanted) if tuple(image.shape[1:]) != wanted else (image, masks)
    return image, masks, target


def crop_or_pad(image: Tensor, masks: Tensor, size: tuple[int | None, ...]) -> tuple[Tensor, Tensor]:
    """Cut or pad about the centre to so many voxels, None to keep an axis; with the image's minimum and background."""
    wanted = tuple(old if new is None else new for old, new in zip(image.shape[1:], size, strict=True))
    flat = image.ndim == 3
    transform = torchio.CropOrPad((*wanted, 1) if flat else wanted, padding_mode="minimum")
    subject = _subject(image, masks, (1.0,) * 3)
    return _tensors(transform(subject), flat)


def _smooth(image: Tensor, factors: tuple[float, ...]) -> Tensor:
    """Blurred along the axes that shrink by more than `SMOOTHED_FROM`, as Cardoso et al. (MICCAI 2015) derive it.

    TorchIO's own smoothing refuses images of fewer than four voxels along an axis, and so every 2D image.
    """
    sigmas = [((factor**2 - 1) / (8 * math.log(2))) ** 0.5 if factor > SMOOTHED_FROM else 0.0 for factor in factors]
    if not any(sigmas):
        return image
    return torch.from_numpy(np.stack([gaussian_filter(channel, sigmas) for channel in image.numpy()]))


def _subject(image: Tensor, masks: Tensor, spacing: tuple[float, ...]) -> torchio.Subject:
    """TorchIO knows volumes only: an image becomes one slice."""
    affine = np.diag([*spacing, 1.0])
    volumes = [tensor.unsqueeze(-1) if tensor.ndim == 3 else tensor for tensor in (image, masks.to(torch.uint8))]
    return torchio.Subject(
        image=torchio.ScalarImage(tensor=volumes[0], affine=affine),
        masks=torchio.LabelMap(tensor=volumes[1], affine=affine),
    )


def _tensors(subject: torchio.Subject, flat: bool) -> tuple[Tensor, Tensor]:
    image, masks = subject["image"].data, subject["masks"].data.bool()
    return (image[..., 0], masks[..., 0]) if flat else (image, masks)
