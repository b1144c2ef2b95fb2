"""The perturbation `ghosting`: shifted copies of the image along the phase-encoding axis."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import choice
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_torchio.kspace import filter_matrix, filtered

FEWEST, MOST = 2, 6
"""Smallest and largest number of ghosts."""


@dataclass(frozen=True)
class Ghosting(AbstractPerturbation):
    """Add shifted copies of the image (ghosts), as periodic motion does during an MR scan.

    At level L, every n-th plane of k-space is multiplied by 1 - L/50. This makes n ghosts. The central plane is kept.
    At level 50 the other planes are 0; at level 100 their sign is reversed.

    A draw chooses the axis, and n from 2 to 6. The strength of the ghosts is proportional to the level. As
    TorchIO 1.2 defines it.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image with its ghosts."""
        axis = choice(generator, image.ndim - 1)
        ghosts = FEWEST + choice(generator, MOST - FEWEST + 1)
        planes = torch.ones(image.shape[1 + axis], dtype=torch.float64)
        planes[::ghosts] = 1 - 2 * level / 100
        planes[len(planes) // 2] = 1
        matrix = filter_matrix(planes)
        return in_shares(image, intensity_range, lambda shares: filtered(shares, matrix, 1 + axis))

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`intensity`, L/50: the share of every n-th plane that is subtracted."""
        return {"intensity": 2 * level / 100}
