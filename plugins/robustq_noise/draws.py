"""What every kind of noise needs: its range, and numbers from the draw's own generator."""

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.shapes import Image, IntensityRange


def working_dtype(image: Image) -> torch.dtype:
    """float32, or wider for wider images."""
    return torch.promote_types(image.dtype, torch.float32)


def limits(image: Image, intensity_range: IntensityRange) -> tuple[Float[Tensor, "c *o"], Float[Tensor, "c *o"]]:
    """Low and span of each channel, shaped to broadcast against the image, in the working dtype."""
    low, high = intensity_range.to(image.device, torch.float64).unbind(1)
    shape = (-1, *[1] * (image.ndim - 1))
    dtype = working_dtype(image)
    return low.view(shape).to(dtype), (high - low).view(shape).to(dtype)


def standard_normal(image: Image, generator: torch.Generator) -> Image:
    """White noise of the image's shape, in the working dtype, drawn where the generator is and moved to the image."""
    noise = torch.randn(image.shape, generator=generator, device=generator.device, dtype=working_dtype(image))
    return noise.to(image.device)


def per_channel(values: Float[Tensor, "c"]) -> float | list[float]:
    """One number where all channels agree, else a list: what stands in `parameters`."""
    numbers = [float(value) for value in values]
    return numbers[0] if len(set(numbers)) == 1 else numbers
