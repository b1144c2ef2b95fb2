"""Thick slices."""

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
"""Spacing at level 100, as a share of the extent, and what remains of one voxel."""


@dataclass(frozen=True)
class Anisotropy(AbstractPerturbation):
    """Sample the image coarsely along one axis, as thick slices do, and interpolate back.

    Of the axis' E voxels every (1 + s·v·E/8)-th remains, ½ ≤ v ≤ 1.

    A draw is the axis and v. Sampling is by the nearest neighbour, going back is linear. Billot et al., MICCAI 2020;
    by TorchIO.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image on its own grid again."""
        axis = choice(generator, image.ndim - 1)
        factor = 1 + level / 100 * strength(generator) * THICKEST * image.shape[1 + axis]
        with seeded_globals(generator):
            thick = random("Anisotropy", axes=(axis,), downsampling=(factor, factor))
            return in_shares(image, intensity_range, lambda shares: _inside(shares, thick, axis + 1, ceil(factor)))

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_spacing`, s/8 as a share of the extent; a draw has half of it or more."""
        return {"largest_spacing": level / 100 * THICKEST}


def _inside(image: Image, thick: Any, axis: int, margin: int) -> Image:
    """The image, transformed between margins that repeat its border.

    TorchIO leaves black what does not lie between the centres of two thick voxels.
    """
    extent = image.shape[axis]
    places = torch.arange(-margin, extent + margin, device=image.device).clamp(0, extent - 1)
    return transformed(image.index_select(axis, places), thick).narrow(axis, margin, extent)
