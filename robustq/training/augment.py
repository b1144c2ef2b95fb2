"""The spatial augmentation of training, the same for all models (section 2.4)."""

from dataclasses import replace
from functools import cache
from typing import Any

import torch

from robustq.dataset import Case
from robustq.draws.seeds import draw_generator, seeded_globals

DEGREES, SCALE, SHIFT = 10.0, 0.1, 0.05
"""Largest rotation in degrees, largest change of scale (1 ± this), largest shift as a share of each extent."""


def augment(case: Case, *, seed: int, epoch: int) -> Case:
    """A prepared case with its image and masks turned, scaled and shifted at random (TorchIO's RandomAffine).

    In 2D the rotation is in the plane. Voxels from outside the image get the image's minimum and count as background.
    For one seed and epoch, a case always gets the same transform, whatever the order of the cases.
    """
    from robustq.data.torchio_adapter import transformed_pair

    planar = case.dims == 2
    image, masks = case.image, case.mask
    assert masks is not None, "a case without a mask is not used in training"
    size = tuple(image.shape[1:])
    stacked = masks if case.ignored is None else torch.cat([masks, case.ignored[None]])
    generator = draw_generator(seed, case.entry.id, "augmentation", epoch)
    with seeded_globals(generator):
        result, truth = transformed_pair(_transform(size, planar), image, stacked)
    if case.ignored is None:
        return replace(case, image=result, mask=truth)
    return replace(case, image=result, mask=truth[:-1], ignored=truth[-1])


@cache
def _transform(size: tuple[int, ...], planar: bool) -> Any:
    from robustq.data.torchio_adapter import random_affine

    scale, still = (1 - SCALE, 1 + SCALE), (0.0, 0.0)
    turn = (-DEGREES, DEGREES)
    shifts = [(-SHIFT * extent, SHIFT * extent) for extent in size]
    if planar:  # the single slice of an image keeps its place
        return random_affine([scale, scale, (1.0, 1.0)], [still, still, turn], [*shifts, still])
    return random_affine([scale] * 3, [turn] * 3, shifts)
