"""The perturbation `gamma`: the values are raised to a power."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import either_way
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange

STRONGEST = 5.0


@dataclass(frozen=True)
class Gamma(AbstractPerturbation):
    """Brighten or darken the middle of the intensity range by a power; its ends stay.

    At level L, the power is a number from 5^(L/200) to 5^(L/100), or the inverse of such a number. The result is low +
    h·u^γ with u = (x - low)/h and γ = 5^(s·v), where s is level / 100, and low and h are the lower end and the width of
    the intensity range. A draw chooses v with ½ ≤ |v| ≤ 1 and a random sign. For a negative u, the power is -|u|^γ. As
    TorchIO 1.2 defines it.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image low + h·u^γ."""
        gamma = STRONGEST ** (level / 100 * either_way(generator))
        return in_shares(image, intensity_range, lambda shares: shares.sign() * shares.float().abs() ** gamma)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_gamma` 5^s and `smallest_gamma` 5^-s; a draw's γ lies between one of them and its square root."""
        return {"largest_gamma": STRONGEST ** (level / 100), "smallest_gamma": STRONGEST ** (-level / 100)}
