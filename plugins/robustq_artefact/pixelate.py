"""The perturbation `pixelate`: blocks of pixels are replaced by their means."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange

COARSEST = 8
"""Approximate number of coarse pixels along each axis at level 100."""


@dataclass(frozen=True)
class Pixelate(AbstractPerturbation):
    """Replace blocks of pixels by their means.

    At level L, a block is on average one pixel plus L/8 % of the extent long, along each axis. Along an axis of E
    pixels, a block is 1 + s·E/8 pixels long on average, where s is level / 100. A draw chooses where the grid of blocks
    begins.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image with every value replaced by the mean of its block."""
        phases = uniform(generator, image.ndim - 1).tolist()

        def average(shares: Image) -> Image:
            for axis, phase in enumerate(phases, start=1):
                means = _means(shares.shape[axis], level, phase).to(shares.device)
                shares = torch.tensordot(shares, means, dims=([axis], [0])).movedim(-1, axis)
            return shares

        return in_shares(image, intensity_range, average)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`share`, s/8: the length of a block minus one pixel, as a share of the axis."""
        return {"share": level / 100 / COARSEST}


def _means(extent: int, level: float, phase: float) -> Float[Tensor, "e e"]:
    """The symmetric matrix that replaces each value along an axis by the mean of its block."""
    length = 1 + level / 100 * extent / COARSEST
    block = (torch.arange(extent, dtype=torch.float64) / length + phase).floor()
    together = (block[:, None] == block).double()
    return together / together.sum(0)
