"""Takes masks to another grid by the nearest voxels, without a shift to one side."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

HALFWAY = 1e-6
"""A position lies halfway between two voxels if it is no further than this from their middle."""


def nearest(masks: Bool[Tensor, "l *s"], positions: Sequence[np.ndarray]) -> Bool[Tensor, "l *t"]:
    """The masks at the voxels nearest to new positions; background outside of the grid.

    At an even factor, new positions lie halfway between voxels. Always taking the voxel on the same side would shift
    the masks by half a voxel. So what most of the equally near voxels hold, in all masks together, is taken; if there
    is no majority, the voxel on the lower and the one on the higher side are taken in turn, as on a chessboard.

    Args:
        masks: one mask for each label; masks may overlap.
        positions: for each axis, the new positions, counted in voxels of the present grid.
    """
    shape, wanted = masks.shape[1:], tuple(map(len, positions))
    sources = _sources(shape, positions)
    codes = _codes(masks).flatten()[sources]
    count = len(sources)
    odd = torch.stack(torch.meshgrid(*map(torch.arange, wanted), indexing="ij")).sum(0) % 2 == 1
    order = torch.arange(count).view(-1, *[1] * len(wanted))
    # The most frequent content wins; among equals the first source, or the last one on the black fields.
    scores = torch.stack([(codes == one).sum(0) for one in codes]) * count + torch.where(odd, order, count - 1 - order)
    chosen = sources.gather(0, scores.argmax(0, keepdim=True))[0]
    result = masks.flatten(1)[:, chosen.flatten()].view(-1, *wanted)
    for axis, (extent, along) in enumerate(zip(shape, positions, strict=True), start=1):
        outside = (along < -0.5 - HALFWAY) | (along > extent - 0.5 + HALFWAY)
        result.index_fill_(axis, torch.from_numpy(np.flatnonzero(outside)), False)
    return result


def _sources(shape: Sequence[int], positions: Sequence[np.ndarray]) -> Tensor:
    """The flat indices of the equally near voxels of each new position, (n, *T); some may be equal."""
    sides = []
    for axis, (extent, along) in enumerate(zip(shape, positions, strict=True)):
        below = np.ceil(along - 0.5 - HALFWAY)
        above = np.floor(along + 0.5 + HALFWAY)
        stride = int(np.prod(shape[axis + 1 :]))
        both = [below] if np.array_equal(below, above) else [below, above]
        sides.append([torch.from_numpy(side.clip(0, extent - 1).astype(np.int64)) * stride for side in both])
    grids = (torch.meshgrid(*chosen, indexing="ij") for chosen in itertools.product(*sides))
    return torch.stack([torch.stack(grid).sum(0) for grid in grids])


def _codes(masks: Bool[Tensor, "l *s"]) -> Tensor:
    """A number for each voxel, equal where the voxels are alike in all masks."""
    codes = torch.zeros(masks.shape[1:], dtype=torch.int64)
    for mask in masks:
        codes = codes * 3 + mask  # from 41 masks on the numbers wrap around, and are still as good as different
    return codes
