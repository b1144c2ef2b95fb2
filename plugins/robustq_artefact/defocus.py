"""The perturbation `defocus`: every point is spread over a disc."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import strength
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_artefact.planes import from_planes, to_planes

WIDEST = 1 / 8
"""Radius of the disc at level 100, as a share of the plane's smaller extent."""

POINTS = 4096
"""Number of points of the disc, spread evenly over its area."""


@dataclass(frozen=True)
class Defocus(AbstractPerturbation):
    """Spread every point over a disc, as a lens out of focus does.

    At level L, the radius of the disc is from L/16 % to L/8 % of the smaller extent of the plane. The radius is
    s·v·E/8, where s is level / 100, E the smaller extent of the plane, and v is drawn with ½ ≤ v ≤ 1. A volume is
    blurred slice by slice along its last axis. Beyond the border, the values of the border are repeated.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image convolved with the disc."""
        radius = level / 100 * strength(generator) * WIDEST * min(image.shape[1:3])
        kernel = _disc(radius).to(image.device)
        return in_shares(
            image,
            intensity_range,
            lambda shares: from_planes(_convolve(to_planes(shares), kernel), image.ndim),
        )

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_radius`, s/8, as a share of the plane's smaller extent; a draw's radius is at least half of it."""
        return {"largest_radius": level / 100 * WIDEST}


def _disc(radius: float) -> Float[Tensor, "k k"]:
    """A disc on the pixel grid, with sum 1. Each of its points is shared by the four pixels around it.

    Therefore a disc narrower than a pixel still blurs, and the blur grows smoothly with the radius.
    """
    number = torch.arange(POINTS, dtype=torch.float64)
    away = radius * ((number + 0.5) / POINTS).sqrt()
    angle = number * math.pi * (3 - math.sqrt(5))  # the golden angle: no two points line up
    reach = math.ceil(radius)
    points = reach + torch.stack([away * angle.cos(), away * angle.sin()])
    corner = points.floor().clamp_max(2 * reach - 1)
    share = points - corner
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1, dtype=torch.float64)
    for row in (0, 1):
        for column in (0, 1):
            weight = (share[0] if row else 1 - share[0]) * (share[1] if column else 1 - share[1])
            kernel.index_put_((corner[0].long() + row, corner[1].long() + column), weight, accumulate=True)
    return kernel / POINTS


def _convolve(planes: Float[Tensor, "b c h w"], kernel: Float[Tensor, "k k"]) -> Float[Tensor, "b c h w"]:
    """Convolve by Fourier transform, because a wide disc would take minutes otherwise."""
    reach = len(kernel) // 2
    padded = F.pad(planes, (reach,) * 4, mode="replicate")
    size = padded.shape[2:]
    centred = torch.zeros(size, dtype=torch.float64, device=planes.device)
    centred[: len(kernel), : len(kernel)] = kernel
    centred = centred.roll((-reach, -reach), (0, 1))
    blurred: Tensor = torch.fft.irfft2(torch.fft.rfft2(padded) * torch.fft.rfft2(centred), s=size)
    return blurred[:, :, reach:-reach, reach:-reach]
