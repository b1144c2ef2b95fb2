"""Salt-and-pepper noise."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

import torch

from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange


@dataclass(frozen=True)
class SaltAndPepperNoise(AbstractPerturbation):
    """Set a share of the values to the lowest or highest of the intensity range.

    Set a share of the values to the ends of the range, alternately high and low.

    Of an image's N = C·|S| values the first floor(s·N + ½) places of the draw's random order are taken: the 1st, 3rd,
    ... become high, the 2nd, 4th, ... low. What a level takes, every higher level takes too.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image with the chosen values replaced."""
        # Exactly, for floats fall short of a half: 0.57 · 50 + 0.5 is not 29 there.
        count = floor(Fraction(str(level)) / 100 * image.numel() + Fraction(1, 2))
        order = torch.randperm(image.numel(), generator=generator, device=generator.device)[:count].to(image.device)
        # An end of the range for every chosen place: its channel's high for even positions, low for odd ones.
        channel = order // image[0].numel()
        end = 1 - torch.arange(count, device=image.device) % 2
        ends = intensity_range.to(image.device, image.dtype)[channel, end]
        return image.flatten().index_copy(0, order, ends).view_as(image)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`fraction` of the values, salt and pepper together."""
        return {"fraction": level / 100}
