"""The perturbation `salt-and-pepper`: some values become the lowest or the highest of the range."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

import torch

from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange


@dataclass(frozen=True)
class SaltAndPepperNoise(AbstractPerturbation):
    """Set a share of the values to the lowest or highest of the intensity range.

    At level L, L % of the values are set, half of them to the lowest value and half to the highest. An image has N =
    C·|S| values, and a draw puts them into a random order. The first floor(s·N + ½) values of this order are changed,
    where s is level / 100: the 1st, 3rd, ... become high, the 2nd, 4th, ... become low. A value that changes at one
    level also changes at every higher level.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image with the chosen values replaced."""
        # Fractions are exact; with floats, 0.57 · 50 + 0.5 is below 29.
        count = floor(Fraction(str(level)) / 100 * image.numel() + Fraction(1, 2))
        order = torch.randperm(image.numel(), generator=generator, device=generator.device)[:count].to(image.device)
        # Each chosen value gets an end of its channel's range: high at even positions of the order, low at odd ones.
        channel = order // image[0].numel()
        end = 1 - torch.arange(count, device=image.device) % 2
        ends = intensity_range.to(image.device, image.dtype)[channel, end]
        return image.flatten().index_copy(0, order, ends).view_as(image)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`fraction` of the values that change, salt and pepper together."""
        return {"fraction": level / 100}
