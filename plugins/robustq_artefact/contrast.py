"""The perturbation `contrast`: values are stretched or squeezed about the middle of the range."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import either_way
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange

STRONGEST = 8.0
"""Largest factor by which differences grow or shrink at level 100."""


@dataclass(frozen=True)
class Contrast(AbstractPerturbation):
    """Stretch the values away from the middle of the intensity range, or squeeze them towards it.

    At level L, the factor is a number from 8^(L/200) to 8^(L/100), or the inverse of such a number. The result is m +
    8^(s·v)·(x - m), where s is level / 100, m the middle of the range, and ½ ≤ |v| ≤ 1. The sign of v is random.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image m + 8^(s·v)·(x - m)."""
        gain = STRONGEST ** (level / 100 * either_way(generator))
        return in_shares(image, intensity_range, lambda shares: 0.5 + gain * (shares - 0.5))

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_gain` 8^s and `smallest_gain` 8^-s; a draw's gain lies between one of them and its square root."""
        return {"largest_gain": STRONGEST ** (level / 100), "smallest_gain": STRONGEST ** (-level / 100)}
