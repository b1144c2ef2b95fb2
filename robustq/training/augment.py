"""The spatial augmentation of training, the same for all models (section 2.4)."""

from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from robustq.dataset import Case
from robustq.draws.seeds import draw_generator, seeded_globals

DEGREES, SCALE, SHIFT = 10.0, 0.1, 0.05
"""Rotation up to so many degrees, scale within 1 ± so much, shift up to so much of each extent."""


def augment(case: Case, *, seed: int, epoch: int) -> Case:
    """A prepared case turned, scaled and shifted at random, its masks with it (TorchIO's RandomAffine).

    In 2D it turns in the plane. What comes in from outside is the image's minimum, and background. One case in one
    epoch always gets the same transform for a seed, whatever the order of the cases.
    """
    import torchio

    planar = case.dims == 2
    image, masks = case.image, case.mask
    assert masks is not None, "a case without truth is not trained on"
    size = tuple(image.shape[1:])
    stacked = masks if case.ignored is None else torch.cat([masks, case.ignored[None]])
    subject = torchio.Subject(
        image=torchio.ScalarImage(tensor=_volume(image)),
        masks=torchio.LabelMap(tensor=_volume(stacked.to(torch.uint8))),
    )
    generator = draw_generator(seed, case.entry.id, "augmentation", epoch)
    with seeded_globals(generator):
        moved: Any = _transform(size, planar)(subject)
    result, truth = moved["image"].data, moved["masks"].data.bool()
    if planar:
        result, truth = result[..., 0], truth[..., 0]
    if case.ignored is None:
        return replace(case, image=result, mask=truth)
    return replace(case, image=result, mask=truth[:-1], ignored=truth[-1])


def _volume(tensor: Tensor) -> Tensor:
    """TorchIO knows volumes only: an image becomes one slice."""
    return tensor if tensor.ndim == 4 else tensor.unsqueeze(-1)


@cache
def _transform(size: tuple[int, ...], planar: bool) -> Any:
    import torchio

    shifts = [SHIFT * extent for extent in size]
    within = (1 - SCALE, 1 + SCALE)
    # One (low, high) pair an axis; the single slice of an image keeps its place.
    return torchio.RandomAffine(
        scales=(*within, *within, *((1, 1) if planar else within)),
        degrees=(0, 0, DEGREES) if planar else DEGREES,
        translation=(*shifts, 0) if planar else tuple(shifts),
    )
