"""Resizes, resamples, crops and pads images and masks; TorchIO resamples the images."""

import math

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from robustq.data.nearest_voxels import nearest
from robustq.data.torchio_adapter import resampled

SMOOTHED_FROM = 2.0
"""An image that shrinks along an axis by more than this factor is smoothed first. Up to this factor, linear
interpolation uses every voxel."""


def resample(
    image: Tensor,
    masks: Tensor | None,
    spacing: tuple[float, ...],
    *,
    size: tuple[int | None, ...] | None,
    spacing_to: tuple[float | None, ...] | None,
) -> tuple[Tensor, Tensor | None, tuple[float, ...]]:
    """Resample an image (C, *S) and boolean masks (L, *S) to another grid over the same extent.

    The image is interpolated linearly; the masks take the nearest voxel (`nearest`).

    Args:
        image: floating point.
        masks: boolean, or None.
        spacing: spacing of the present grid.
        size: number of voxels of the new grid along each axis; None in it keeps an axis.
        spacing_to: spacing of the new grid along each axis, instead of `size`; None in it keeps an axis.

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
    # The grid is given in full: from a spacing alone, TorchIO rounds 47.99... voxels down to 47 where 48 is right.
    shifts = [
        ((new - 1) * to - (old - 1) * step) / 2
        for old, new, step, to in zip(shape, wanted, spacing, target, strict=True)
    ]
    affine = np.diag([*target, 1.0, 1.0] if flat else [*target, 1.0])
    affine[: len(shifts), 3] = -np.array(shifts)
    image = _smooth(image, tuple(new / old for old, new in zip(spacing, target, strict=True)))
    present = np.diag([*spacing, 1.0, 1.0] if flat else [*spacing, 1.0])
    result = resampled(image, present, (*wanted, 1) if flat else wanted, affine)
    positions = [
        (old - 1 - (new - 1) * to / step) / 2 + np.arange(new) * to / step
        for old, new, step, to in zip(shape, wanted, spacing, target, strict=True)
    ]
    masks = None if masks is None else nearest(masks, positions)
    return result, masks, target


def crop_or_pad(image: Tensor, masks: Tensor | None, size: tuple[int | None, ...]) -> tuple[Tensor, Tensor | None]:
    """Crop or pad an image and its masks about the centre, to the extents of `size`; None in it keeps an axis.

    Each channel of the image is padded with its own minimum, and masks with background. Masks may be None.

    The centre may fall between two voxels; then it is rounded as in TorchIO's CropOrPad. CropOrPad itself is not used,
    because it pads all channels with the minimum over all channels.
    """
    wanted = tuple(old if new is None else new for old, new in zip(image.shape[1:], size, strict=True))
    cut = _about_centre(image, wanted, image.flatten(1).amin(1))
    return cut, None if masks is None else _about_centre(masks, wanted, torch.zeros(len(masks), dtype=torch.bool))


def _about_centre(tensor: Tensor, wanted: tuple[int, ...], fill: Tensor) -> Tensor:
    """A tensor (C, *S) on the grid `wanted` with the same centre, padded with one value for each channel."""
    result = fill.view(-1, *[1] * len(wanted)).repeat(1, *wanted)
    source, target = [slice(None)], [slice(None)]
    for old, new in zip(tensor.shape[1:], wanted, strict=True):
        common, half = min(old, new), (abs(old - new) + 1) // 2
        source.append(slice(half, half + common) if old > new else slice(common))
        target.append(slice(half, half + common) if new > old else slice(common))
    result[tuple(target)] = tensor[tuple(source)]
    return result


def _smooth(image: Tensor, factors: tuple[float, ...]) -> Tensor:
    """The image, blurred along the axes that shrink by more than `SMOOTHED_FROM`. Cardoso et al. (MICCAI 2015) derive
    the width of the blur.

    TorchIO's own smoothing refuses images of fewer than four voxels along an axis, so it refuses every 2D image.
    """
    sigmas = [((factor**2 - 1) / (8 * math.log(2))) ** 0.5 if factor > SMOOTHED_FROM else 0.0 for factor in factors]
    if not any(sigmas):
        return image
    return torch.from_numpy(np.stack([gaussian_filter(channel, sigmas) for channel in image.numpy()]))
