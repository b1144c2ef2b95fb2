"""Contrast."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import either_way
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange

STRONGEST = 8.0
"""At level 100 differences grow or shrink by up to so much."""


@dataclass(frozen=True)
class Contrast(AbstractPerturbation):
    """Stretch the values away from the middle of the intensity range, or squeeze them towards it.

    m + 8^(s·v)·(x - m) with the middle m of the range, ½ ≤ |v| ≤ 1, of either sign.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """m + 8^(s·v)·(x - m)."""
        gain = STRONGEST ** (level / 100 * either_way(generator))
        return in_shares(image, intensity_range, lambda shares: 0.5 + gain * (shares - 0.5))

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_gain`, 8^s, and `smallest_gain`, 8^-s: a draw lies between one of them and its square root."""
        return {"largest_gain": STRONGEST ** (level / 100), "smallest_gain": STRONGEST ** (-level / 100)}
