"""The perturbation `gaussian`: white noise is added."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import low_and_span, per_channel, working_dtype
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_noise.draws import standard_normal


@dataclass(frozen=True)
class GaussianNoise(AbstractPerturbation):
    """Add white noise to every value of the image.

    At level L, the standard deviation of the noise is L % of the intensity range. The result is x + s·h·n with n ~ N(0,
    1), where s is level / 100 and h the width of the intensity range.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image x + s·h·n."""
        _, span = low_and_span(image, intensity_range)
        noise = standard_normal(image, generator)
        return (image.to(working_dtype(image)) + level / 100 * span * noise).to(image.dtype)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`sigma`, in the image's unit."""
        return {"sigma": per_channel(level / 100 * intensity_range.diff(dim=1).squeeze(1))}
