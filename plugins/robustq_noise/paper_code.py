"""The noise formulas of the paper's published code, which `--compat paper-code` uses.

They act on the prepared image, do not depend on its intensity range, and clip nothing. Here too, level 0 changes
nothing and draws have seeds; the published code sets no seed. In the formulas, s is level / 100.
"""

from dataclasses import dataclass
from math import ceil, log2

import torch

from robustq.draws.intensity import working_dtype
from robustq.errors import CaseError
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_noise.draws import standard_normal


@dataclass(frozen=True)
class PaperCodeGaussian(AbstractPerturbation):
    """x + s·n with n ~ N(0, 1): the standard deviation does not depend on the intensity range."""

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image x + s·n."""
        noise = level / 100 * standard_normal(image, generator)
        return (image.to(working_dtype(image)) + noise).to(image.dtype)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`sigma`, in the image's unit."""
        return {"sigma": level / 100}


@dataclass(frozen=True)
class PaperCodeSpeckle(AbstractPerturbation):
    """x + s·x·n with n ~ N(0, 1): relative to zero, not to the lower end of the range."""

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image x + s·x·n."""
        wide = image.to(working_dtype(image))
        return (wide + level / 100 * wide * standard_normal(image, generator)).to(image.dtype)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`sigma`, s: the standard deviation, relative to the value."""
        return {"sigma": level / 100}


@dataclass(frozen=True)
class PaperCodePoisson(AbstractPerturbation):
    """In 2D x + s·√|x|·n, Gaussian noise of Poisson variance; in 3D Poisson(s·x·V)/V.

    V is the number of different values in the volume, rounded up to a power of two. The 3D formula multiplies the mean
    by s: it darkens the volume more than it adds noise, and most at low levels. Negative voxels are refused.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The formula for the image's dimensions."""
        wide = image.to(working_dtype(image))
        if image.ndim == 3:
            noise = standard_normal(image, generator)
            return (wide + level / 100 * wide.abs().sqrt() * noise).to(image.dtype)
        if (wide < 0).any():
            raise CaseError(
                "paper-code's Poisson formula is not defined for negative voxels: prepare with --normalise min-max, or "
                "leave --compat out"
            )
        values = 2.0 ** ceil(log2(wide.unique().numel()))
        counts = torch.poisson((level / 100 * wide * values).to(generator.device), generator=generator)
        return (counts.to(image.device) / values).to(image.dtype)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`weight`, the level as a fraction s."""
        return {"weight": level / 100}


@dataclass(frozen=True)
class PaperCodeSaltAndPepper(AbstractPerturbation):
    """ceil(s·N/2) of the N values become 1, then as many become 0, both drawn with replacement.

    Therefore fewer values change than the level says (a share of about 1 - exp(-s)), and the last index of every axis
    is never drawn.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image with salt, then pepper."""
        count = ceil(level / 100 * image.numel() / 2)
        result = image.clone()
        for value in (1.0, 0.0):
            place = tuple(
                torch.randint(max(1, extent - 1), (count,), generator=generator, device=generator.device).to(
                    image.device
                )
                for extent in image.shape
            )
            result[place] = value
        return result

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`fraction`: number of drawn values, with repetitions, salt and pepper together, divided by all values."""
        return {"fraction": level / 100}
