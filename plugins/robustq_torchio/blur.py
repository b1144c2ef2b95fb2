"""The perturbation `blur`: the image is convolved with a Gaussian."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_torchio.library import explicit, transformed

WIDEST = 1 / 10
"""Standard deviation at level 100, as a share of the extent along each axis."""


@dataclass(frozen=True)
class Blur(AbstractPerturbation):
    """Blur the image by a Gaussian of another width along each axis.

    At level L, the standard deviation along each axis is from L/20 % to L/10 % of the extent of this axis. Along an
    axis of E voxels, the standard deviation is s·v·E/10, where s is level / 100, and v is drawn for each axis with ½ ≤
    v ≤ 1.

    TorchIO uses SciPy's filter, which mirrors the image at its border and cuts the Gaussian off after four standard
    deviations. Therefore a standard deviation below an eighth of a voxel changes nothing.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image convolved with the Gaussian."""
        shares = level / 100 * WIDEST * uniform(generator, 3, low=0.5)
        extents = (*image.shape[1:], 0)[:3]  # an image has one slice, which is not blurred across
        deviations = tuple(share * extent for share, extent in zip(shares.tolist(), extents, strict=True))
        gaussian = explicit("Blur", std=deviations)
        return in_shares(image, intensity_range, lambda shares: transformed(shares, gaussian))

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_deviation`, s/10, as a share of each axis' extent; a draw's deviation is at least half of it."""
        return {"largest_deviation": level / 100 * WIDEST}
