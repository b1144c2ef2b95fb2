"""The perturbation `anisotropy`: the image is sampled in thick slices along one axis."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import torch

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import choice, strength
from robustq.draws.seeds import seeded_globals
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_torchio.library import random, transformed

THICKEST = 1 / 8
"""Additional spacing at level 100, as a share of the extent."""


@dataclass(frozen=True)
class Anisotropy(AbstractPerturbation):
    """Sample the image coarsely along one axis, as thick slices do, and interpolate back.

    At level L, two samples lie one voxel plus L/16 % to L/8 % of the extent apart. Along an axis of E voxels, one voxel
    in 1 + s·v·E/8 remains, where s is level / 100. A draw chooses the axis, and v with ½ ≤ v ≤ 1. The nearest neighbour
    is sampled, and the way back is linear interpolation. By TorchIO; source: Billot et al., MICCAI 2020.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image after both resamplings, on its own grid."""
        axis = choice(generator, image.ndim - 1)
        factor = 1 + level / 100 * strength(generator) * THICKEST * image.shape[1 + axis]
        with seeded_globals(generator):
            thick = random("Anisotropy", axes=(axis,), downsampling=(factor, factor))
            return in_shares(image, intensity_range, lambda shares: _inside(shares, thick, axis + 1, ceil(factor)))

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_spacing`, s/8, as a share of the extent; a draw's spacing is at least half of it."""
        return {"largest_spacing": level / 100 * THICKEST}


def _inside(image: Image, thick: Any, axis: int, margin: int) -> Image:
    """The image, transformed with margins that repeat its border, then without the margins.

    The margins are needed because TorchIO leaves black what does not lie between the centres of two thick voxels.
    """
    extent = image.shape[axis]
    places = torch.arange(-margin, extent + margin, device=image.device).clamp(0, extent - 1)
    return transformed(image.index_select(axis, places), thick).narrow(axis, margin, extent)
