"""The patch of a case that an epoch shows."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool
from torch import Generator, Tensor

from robustq.data.patches import pad_case, part_of
from robustq.dataset import Case
from robustq.draws.seeds import draw_generator
from robustq.training.augment import augment

CENTRED = 1 / 3
"""Share of the patches that are centred on a voxel of a label, as in nnU-Net (Isensee et al. 2021)."""


def patch_of(case: Case, patch: Sequence[int], *, seed: int, epoch: int, augmented: bool) -> Case:
    """The patch of a prepared case in an epoch: always the same one for a seed and an epoch.

    A case that is smaller than the patch is padded. Of all patches, the share `CENTRED` is centred on a random voxel of
    a random label that the truth shows, as far as the patch then lies inside the case; the others, and those of cases
    without labels, lie anywhere in the case.

    Args:
        case: the prepared case, or one slice of it.
        patch: number of voxels along each axis.
        seed: seed of the training.
        epoch: number of the epoch.
        augmented: whether the case is turned, scaled and shifted at random before the patch is cut out. Only a part of
            twice the patch's size about the patch is, so that this takes the same time for cases of all sizes.
    """
    case = pad_case(case, patch)
    corner = _corner(case, patch, draw_generator(seed, case.entry.id, "patch", epoch))
    if not augmented:
        return part_of(case, corner, patch)
    extents = case.image.shape[1:]
    region = [min(extent, 2 * length) for extent, length in zip(extents, patch, strict=True)]
    start = [
        min(max(first - length // 2, 0), extent - wide)
        for first, length, extent, wide in zip(corner, patch, extents, region, strict=True)
    ]
    changed = augment(part_of(case, start, region), seed=seed, epoch=epoch)
    return part_of(changed, [first - begin for first, begin in zip(corner, start, strict=True)], patch)


def _corner(case: Case, patch: Sequence[int], generator: Generator) -> list[int]:
    """The place of the patch's first voxel."""
    last = [extent - length for extent, length in zip(case.image.shape[1:], patch, strict=True)]
    truth = case.truth
    shown = truth.flatten(1).any(1).nonzero().flatten().tolist()
    if torch.rand((), generator=generator) < CENTRED and shown:
        voxel = _voxel_of(truth[shown[_number(len(shown), generator)]], generator)
        return [min(max(place - length // 2, 0), most) for place, length, most in zip(voxel, patch, last, strict=True)]
    return [_number(most + 1, generator) for most in last]


def _voxel_of(mask: Bool[Tensor, "*s"], generator: Generator) -> list[int]:
    """A random voxel of a mask that shows one."""
    # Slab by slab, because the places of all voxels of a large mask would fill the memory.
    counts = mask.flatten(1).sum(1)
    until = counts.cumsum(0)
    rank = _number(int(until[-1]), generator)
    slab = int(torch.searchsorted(until, rank, right=True))
    return [slab, *mask[slab].nonzero()[rank - int(until[slab] - counts[slab])].tolist()]


def _number(count: int, generator: Generator) -> int:
    """A random whole number from 0 to count - 1."""
    return int(torch.randint(count, (), generator=generator))
