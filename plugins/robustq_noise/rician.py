"""Rician noise: what a magnitude MRI shows of complex Gaussian noise."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import low_and_span, per_channel, working_dtype
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_noise.draws import standard_normal


@dataclass(frozen=True)
class RicianNoise(AbstractPerturbation):
    """Add the noise of an MR magnitude image, which also brightens dark places.

    The magnitude of (u + s·h·n1, s·h·n2), u = max(x - low, 0), plus low; values below low keep their distance to it.

    Gudbjartsson and Patz, Magnetic Resonance in Medicine 34(6), 1995.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """|(u + s·h·n1) + i·s·h·n2| + low + min(x - low, 0)."""
        low, span = low_and_span(image, intensity_range)
        above = image.to(working_dtype(image)) - low
        sigma = level / 100 * span
        real = above.clamp_min(0) + sigma * standard_normal(image, generator)
        imaginary = sigma * standard_normal(image, generator)
        return (torch.hypot(real, imaginary) + low + above.clamp_max(0)).to(image.dtype)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`sigma` of each of the two parts, in the image's unit."""
        return {"sigma": per_channel(level / 100 * intensity_range.diff(dim=1).squeeze(1))}
