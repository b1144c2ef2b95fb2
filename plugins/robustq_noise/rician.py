"""The perturbation `rician`: the effect of complex Gaussian noise on an MR magnitude image."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import low_and_span, per_channel, working_dtype
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_noise.draws import standard_normal


@dataclass(frozen=True)
class RicianNoise(AbstractPerturbation):
    """Add the noise of an MR magnitude image, which also brightens dark places.

    At level L, the standard deviation of each of the two parts of the noise is L % of the intensity range. The result
    is the magnitude of (u + s·h·n1, s·h·n2), plus low, where s is level / 100, low and h are the lower end and the
    width of the intensity range, and u = max(x - low, 0). Values below low keep their distance to low.

    Source: Gudbjartsson and Patz, Magnetic Resonance in Medicine 34(6), 1995.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image |(u + s·h·n1) + i·s·h·n2| + low + min(x - low, 0)."""
        low, span = low_and_span(image, intensity_range)
        above = image.to(working_dtype(image)) - low
        sigma = level / 100 * span
        real = above.clamp_min(0) + sigma * standard_normal(image, generator)
        imaginary = sigma * standard_normal(image, generator)
        return (torch.hypot(real, imaginary) + low + above.clamp_max(0)).to(image.dtype)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`sigma` of the real and of the imaginary noise, in the image's unit."""
        return {"sigma": per_channel(level / 100 * intensity_range.diff(dim=1).squeeze(1))}
