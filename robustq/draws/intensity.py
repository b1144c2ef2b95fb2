"""Images in shares of their intensity range, so that a level means the same in every unit."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.shapes import Image, IntensityRange


def working_dtype(image: Image) -> torch.dtype:
    """The dtype to compute in: float32, or wider for wider images."""
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
    """One number where all channels agree, else a list, as `parameters` gives it."""
    numbers = [float(value) for value in values]
    return numbers[0] if len(set(numbers)) == 1 else numbers


def in_shares(image: Image, intensity_range: IntensityRange, change: Callable[[Image], Image]) -> Image:
    """The image x changed to x + h·(change(u) - u), where h is the span of the range and u = (x - low)/h, in float64.

    Three things hold whatever `change` does. An increasing affine map of the image and its range maps the result in the
    same way. The dtype is kept. Values that `change` leaves alone keep all their digits, even if `change` computes in
    float32. A channel whose span is 0 is left as it is.
    """
    wide = image.double()
    low, span = low_and_span(wide, intensity_range)
    shares = torch.where(span > 0, wide - low, 0) / torch.where(span > 0, span, 1)
    return (wide + span * (change(shares) - shares)).to(image.dtype)
