"""The perturbation `bias-field`: the image is multiplied by the smooth field of a receive coil."""

from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange

ORDER = 3
TERMS = 20
"""Monomials in three variables up to order 3."""
TYPICAL = 2.0
"""Gain at level 100, at places where the field has its root mean square."""


@dataclass(frozen=True)
class BiasField(AbstractPerturbation):
    """Brighten and darken the image smoothly from place to place, as the coils of an MR scanner do.

    At level L, values are typically multiplied or divided by 2^(L/100). The result is low + (x - low)·2^(s·f), where s
    is level / 100, low the lower end of the intensity range, and f a polynomial of order 3 in the coordinates whose
    mean square is 1.

    A draw chooses f: its coefficients are uniform, the constant one is 0, and then f is scaled. At level 100, values
    typically double or halve; in the corners, where f is largest, they change several times more. The field is
    TorchIO 1.2's, after Van Leemput et al., IEEE TMI 18(10), 1999.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image low + (x - low)·2^(s·f)."""
        logarithm = _field(image, uniform(generator, TERMS - 1, low=-1, high=1))
        rms = logarithm.square().mean().sqrt().clamp_min(torch.finfo(torch.float32).eps)  # one voxel has no field
        gain = TYPICAL ** (level / 100 * logarithm / rms)
        return in_shares(image, intensity_range, lambda shares: gain * shares)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`typical_gain`, 2^s: values are multiplied or divided by it where the field has its root mean square."""
        return {"typical_gain": TYPICAL ** (level / 100)}


def _field(image: Image, coefficients: Float[Tensor, "t"]) -> Float[Tensor, "*s"]:
    """The polynomial at every voxel; along each axis the coordinate is 0 in the middle and 1 at the end."""
    orders = [order for order in product(range(ORDER + 1), repeat=3) if 0 < sum(order) <= ORDER]
    terms = torch.zeros([ORDER + 1] * 3, dtype=torch.float64)
    terms[tuple(zip(*orders, strict=True))] = coefficients
    field = terms.to(image.device)
    for extent in (*image.shape[1:], 1)[:3]:
        middle = (extent - 1) / 2
        places = (torch.arange(extent, dtype=torch.float64, device=image.device) - middle) / (middle or 1)
        # The first axis, an order, becomes the last, a place; after three times the axes are in order again.
        field = field.movedim(0, -1) @ places[None].pow(torch.arange(ORDER + 1, device=image.device)[:, None])
    return field.view(image.shape[1:])
