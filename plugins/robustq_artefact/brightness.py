"""The perturbation `brightness`: one amount is added to all values."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import low_and_span, per_channel, working_dtype
from robustq.draws.random_numbers import either_way
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange


@dataclass(frozen=True)
class Brightness(AbstractPerturbation):
    """Add the same amount to all values, or subtract it.

    At level L, the amount is from L/2 % to L % of the intensity range. The result is x + s·h·v, where s is level / 100,
    h the width of the intensity range, and ½ ≤ |v| ≤ 1. The sign of v is random: one draw brightens, another darkens.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image x + s·h·v."""
        _, span = low_and_span(image, intensity_range)
        return (image.to(working_dtype(image)) + level / 100 * either_way(generator) * span).to(image.dtype)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_shift`, s·h, in the image's unit; a draw's shift is at least half of it."""
        return {"largest_shift": per_channel(level / 100 * intensity_range.diff(dim=1).squeeze(1))}
