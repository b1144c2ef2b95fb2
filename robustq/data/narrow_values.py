"""Looks whether most values of an image fill only a small part of its intensity range, to which levels refer."""

from collections.abc import Iterator

import torch
from torch import Tensor

from robustq.dataset import Case

FAR = 20
"""An intensity range stands out if it is this many times wider than the range of most of the values."""

_MIDDLE = torch.tensor([0.005, 0.995], dtype=torch.float64)

_SAMPLED = 100_000
"""About so many values of an image show the range of most of them."""


def values_are_narrow(case: Case) -> bool:
    """Whether the intensity range of a channel is much wider than the range of most of its values.

    Most values are the middle 99 %; or those above the lowest value, or below the highest one, where these are half of
    them or more, because scanners fill what they did not see with one value.
    """
    channels = case.image.flatten(1)
    channels = channels[:, :: 1 + channels.shape[1] // _SAMPLED].double()
    widths = (case.intensity_range[:, 1] - case.intensity_range[:, 0]).tolist()
    return any(
        0 < most < width / FAR
        for values, width in zip(channels, widths, strict=True)
        for most in _widths_of_most(values)
    )


def _widths_of_most(values: Tensor) -> Iterator[float]:
    low, high = torch.quantile(values, _MIDDLE).tolist()
    yield high - low
    for rest in (values[values > values.min()], values[values < values.max()]):
        if 2 * len(rest) >= len(values):
            yield float(rest.max() - rest.min())
