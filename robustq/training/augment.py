"""The spatial augmentation of training, the same for all models (section 2.4)."""

from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from robustq.dataset import Case
from robustq.draws.seeds import draw_generator, seeded_globals

DEGREES, SCALE, SHIFT = 10.0, 0.1, 0.05
"""Largest rotation in degrees, largest change of scale (1 ± this), largest shift as a share of each extent."""


def augment(case: Case, *, seed: int, epoch: int) -> Case:
    """A prepared case with its image and masks turned, scaled and shifted at random (TorchIO's RandomAffine).

    In 2D the rotation is in the plane. Voxels from outside the image get the image's minimum and count as background.
    For one seed and epoch, a case always gets the same transform, whatever the order of the cases.
    """
    import torchio

    planar = case.dims == 2
    image, masks = case.image, case.mask
    assert masks is not None, "a case without a mask is not used in training"
    size = tuple(image.shape[1:])
    stacked = masks if case.ignored is None else torch.cat([masks, case.ignored[None]])
    subject = torchio.Subject(
        image=torchio.ScalarImage(tensor=_volume(image)),
        masks=torchio.LabelMap(tensor=_volume(stacked.to(torch.uint8))),
    )
    generator = draw_generator(seed, case.entry.id, "augmentation", epoch)
    with seeded_globals(generator):
        transformed: Any = _transform(size, planar)(subject)
    result, truth = transformed["image"].data, transformed["masks"].data.bool()
    if planar:
        result, truth = result[..., 0], truth[..., 0]
    if case.ignored is None:
        return replace(case, image=result, mask=truth)
    return replace(case, image=result, mask=truth[:-1], ignored=truth[-1])


def _volume(tensor: Tensor) -> Tensor:
    """The tensor as a volume, because TorchIO takes nothing else: an image becomes one slice."""
    return tensor if tensor.ndim == 4 else tensor.unsqueeze(-1)


@cache
def _transform(size: tuple[int, ...], planar: bool) -> Any:
    import torchio

    shifts = [SHIFT * extent for extent in size]
    scales = (1 - SCALE, 1 + SCALE)
    # One (low, high) pair per axis; the single slice of an image keeps its place.
    return torchio.RandomAffine(
        scales=(*scales, *scales, *((1, 1) if planar else scales)),
        degrees=(0, 0, DEGREES) if planar else DEGREES,
        translation=(*shifts, 0) if planar else tuple(shifts),
    )
