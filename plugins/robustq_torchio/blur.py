"""The perturbation `blur`: the image is convolved with a Gaussian."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_torchio.kspace import filtered

WIDEST = 1 / 10
"""Standard deviation at level 100, as a share of the extent along each axis."""


@dataclass(frozen=True)
class Blur(AbstractPerturbation):
    """Blur the image by a Gaussian of another width along each axis.

    At level L, the standard deviation along each axis is from L/20 % to L/10 % of the extent of this axis. Along an
    axis of E voxels, the standard deviation is s·v·E/10, where s is level / 100, and v is drawn for each axis with ½ ≤
    v ≤ 1.

    As with TorchIO 1.2's Blur and SciPy's filter, the image is mirrored at its border, and the Gaussian is cut off
    after four standard deviations. Therefore a standard deviation below an eighth of a voxel changes nothing.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image convolved with the Gaussian."""
        shares = level / 100 * WIDEST * uniform(generator, 3, low=0.5)
        extents = image.shape[1:]
        matrices = [_gaussian(share * extent, extent) for share, extent in zip(shares.tolist(), extents, strict=False)]

        def blurred(shares: Image) -> Image:
            for axis, matrix in enumerate(matrices, start=1):
                shares = filtered(shares, matrix, axis)
            return shares

        return in_shares(image, intensity_range, blurred)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_deviation`, s/10, as a share of each axis' extent; a draw's deviation is at least half of it."""
        return {"largest_deviation": level / 100 * WIDEST}


def _gaussian(deviation: float, extent: int) -> Float[Tensor, "n n"]:
    """The matrix M that convolves a line x of this many voxels: the blurred line is x · M."""
    radius = int(4 * deviation + 0.5)
    offsets = torch.arange(-radius, radius + 1)
    weights = (-0.5 * (offsets.double() / deviation) ** 2).exp()
    source = (torch.arange(extent)[:, None] + offsets) % (2 * extent)
    source = torch.minimum(source, 2 * extent - 1 - source)  # mirrored at the border
    matrix = torch.zeros(extent, extent, dtype=torch.float64)
    target = torch.arange(extent)[:, None].expand_as(source)
    matrix.index_put_((source, target), (weights / weights.sum()).expand(source.shape), accumulate=True)
    return matrix.float()
