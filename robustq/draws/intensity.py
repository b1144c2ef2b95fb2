"""Images in shares of their intensity range, which is what makes a level mean the same in every unit."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.shapes import Image, IntensityRange


def working_dtype(image: Image) -> torch.dtype:
    """float32, or wider for wider images."""
    return torch.promote_types(image.dtype, torch.float32)


def low_and_span(image: Image, intensity_range: IntensityRange) -> tuple[Float[Tensor, "c *o"], Float[Tensor, "c *o"]]:
    """Low and span of each channel, shaped to broadcast against the image, in the working dtype."""
    low, high = intensity_range.to(image.device, torch.float64).unbind(1)
    shape = (-1, *[1] * (image.ndim - 1))
    dtype = working_dtype(image)
    return low.view(shape).to(dtype), (high - low).view(shape).to(dtype)


def bounds(image: Image, intensity_range: IntensityRange) -> tuple[Float[Tensor, "c *o"], Float[Tensor, "c *o"]]:
    """Low and high of each channel, shaped to broadcast against the image, in its dtype."""
    low, high = intensity_range.to(image).view(-1, 2, *[1] * (image.ndim - 1)).unbind(1)
    return low, high


def per_channel(values: Float[Tensor, "c"]) -> float | list[float]:
    """One number where all channels agree, else a list: what stands in `parameters`."""
    numbers = [float(value) for value in values]
    return numbers[0] if len(set(numbers)) == 1 else numbers


def in_shares(image: Image, intensity_range: IntensityRange, change: Callable[[Image], Image]) -> Image:
    """The image x as x + h·(change(u) - u), where u = (x - low)/h holds float64 shares of the range and h is its span.

    Whatever `change` does, the result follows the image through an increasing affine map, keeps its dtype, and keeps
    the digits of values that `change` leaves alone, even where it computes in float32. A channel without a range is
    left as it is.
    """
    wide = image.double()
    low, span = low_and_span(wide, intensity_range)
    shares = torch.where(span > 0, wide - low, 0) / torch.where(span > 0, span, 1)
    return (wide + span * (change(shares) - shares)).to(image.dtype)
