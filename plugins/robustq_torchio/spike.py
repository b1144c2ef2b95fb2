"""The perturbation `spike`: one wrong value in k-space."""

from dataclasses import dataclass
from math import floor, pi

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange


@dataclass(frozen=True)
class Spike(AbstractPerturbation):
    """Add stripes over the whole image, as one wrong value of an MR scan does (herringbone artefact).

    At level L, the amplitude of the stripes is L % of the intensity range. The result is x + s·h·cos(ω·r) at position
    r, where s is level / 100 and h the width of the intensity range. A draw chooses ω, the place of the spike in
    k-space. As TorchIO 1.2 defines it.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image x + s·h·cos(ω·r)."""
        stripes = _stripes(image, uniform(generator, 3).tolist())
        return in_shares(image, intensity_range, lambda shares: shares + level / 100 * stripes)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`amplitude` of the stripes, s, as a share of the intensity range."""
        return {"amplitude": level / 100}


def _stripes(image: Image, share: list[float]) -> Float[Tensor, "*s"]:
    """The cosine of one place of k-space, which is given as a share of each axis; its middle is no frequency."""
    angle = torch.zeros([1] * (image.ndim - 1), dtype=torch.float64, device=image.device)
    for axis, extent in enumerate(image.shape[1:]):
        frequency = floor(share[axis] * extent) - extent // 2
        turns = frequency * torch.arange(extent, device=image.device) % extent / extent
        angle = angle + (2 * pi * turns.double()).view([-1 if axis == other else 1 for other in range(image.ndim - 1)])
    return angle.cos()
