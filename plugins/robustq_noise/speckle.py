"""The perturbation `speckle`: the image is multiplied by white noise."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import low_and_span, working_dtype
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_noise.draws import standard_normal


@dataclass(frozen=True)
class SpeckleNoise(AbstractPerturbation):
    """Multiply by white noise, so that bright places get more of it.

    At level L, the standard deviation of the noise is L % of the distance of a value to the lower end of the intensity
    range. The result is x + s·(x - low)·n with n ~ N(0, 1), where s is level / 100 and low the lower end of the
    intensity range.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image x + s·(x - low)·n."""
        low, _ = low_and_span(image, intensity_range)
        wide = image.to(working_dtype(image))
        return (wide + level / 100 * (wide - low) * standard_normal(image, generator)).to(image.dtype)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`sigma`, s: the standard deviation, relative to the distance from low."""
        return {"sigma": level / 100}
