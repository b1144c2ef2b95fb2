"""The perturbation `anisotropy`: the image is sampled in thick slices along one axis."""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import choice, strength
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange

THICKEST = 1 / 8
"""Additional spacing at level 100, as a share of the extent."""


@dataclass(frozen=True)
class Anisotropy(AbstractPerturbation):
    """Sample the image coarsely along one axis, as thick slices do, and interpolate back.

    At level L, two samples lie one voxel plus L/16 % to L/8 % of the extent apart. Along an axis of E voxels, one voxel
    in 1 + s·v·E/8 remains, where s is level / 100. A draw chooses the axis, and v with ½ ≤ v ≤ 1. The nearest neighbour
    is sampled, and the way back is linear interpolation. As TorchIO 1.2; source: Billot et al., MICCAI 2020.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image after both resamplings, on its own grid."""
        axis = choice(generator, image.ndim - 1)
        factor = 1 + level / 100 * strength(generator) * THICKEST * image.shape[1 + axis]
        before, after, share = (numbers.to(image.device) for numbers in _thick(factor, image.shape[1 + axis]))
        share = share.view([-1 if other == axis + 1 else 1 for other in range(image.ndim)])

        def sampled(shares: Image) -> Image:
            values = shares.float()
            return values.index_select(axis + 1, before).lerp(values.index_select(axis + 1, after), share)

        return in_shares(image, intensity_range, sampled)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_spacing`, s/8, as a share of the extent; a draw's spacing is at least half of it."""
        return {"largest_spacing": level / 100 * THICKEST}


def _thick(factor: float, extent: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each voxel of a line, the voxels that the thick ones before and after it show, and its share of the way.

    As in TorchIO 1.2, the thick voxels have the line's centre; the line is longer by a margin that repeats its ends,
    so that every voxel lies between two thick ones.
    """
    factor, margin = float(torch.tensor(factor)), ceil(factor)
    longer = extent + 2 * margin
    count = int(longer / factor)
    first = (longer - 1) / 2 - (count - 1) / 2 * factor
    shown = (first + factor * torch.arange(count, dtype=torch.float64) + 0.5).floor().long()
    shown = (shown.clamp(0, longer - 1) - margin).clamp(0, extent - 1)
    place = ((torch.arange(extent, dtype=torch.float64) + margin - first) / factor).clamp(0, count - 1)
    before = place.long()
    return shown[before], shown[(before + 1).clamp(max=count - 1)], (place - before).float()
