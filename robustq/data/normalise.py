"""Normalises the values of an image, and its intensity range in the same way."""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from robustq.errors import RequestError, unknown

NORMALISATIONS = ("min-max", "z-score", "percentile", "window", "none")
PERCENTILES = (0.5, 99.5)


def check_normalisation(
    normalise: str, window: tuple[float, float] | None, standardise: tuple[float, float] | None
) -> None:
    """Refuse settings from which `value_map` can make no map.

    Raises:
        RequestError: the normalisation is unknown, or the three settings do not fit together.
    """
    if normalise not in NORMALISATIONS:
        raise unknown("normalisation", normalise, NORMALISATIONS)
    if (normalise == "window") != (window is not None):
        raise RequestError(
            "normalise=window needs a window such as -160..240, and a window needs normalise=window: give both"
        )
    if window is not None and not -math.inf < window[0] < window[1] < math.inf:
        raise RequestError(
            f"the window {window[0]:g}..{window[1]:g} is empty or not finite: give two finite numbers, low < high"
        )
    if standardise is not None and (window is None or not 0 < standardise[1] < math.inf):
        raise RequestError(
            f"standardise={standardise} needs a window to clip to, and a finite standard deviation above 0: give both"
        )


def value_map(
    image: Tensor,
    normalise: str,
    window: tuple[float, float] | None,
    standardise: tuple[float, float] | None,
) -> Callable[[Tensor], Tensor]:
    """The function that normalises an image. It is computed from the image's own values.

    The function takes values (C, ...) and keeps their order within each channel. So it also maps the intensity range
    (C, 2).

    Args:
        image: the image (C, *S). Each channel has its own map.
        normalise: a name of `NORMALISATIONS`; `Preparation` explains them.
        window: (low, high) of "window".
        standardise: (mean, standard deviation). Values are clipped to the window, then the mean is subtracted and they
            are divided by the standard deviation. None maps the window to [0, 1].
    """
    if normalise == "none":
        return lambda values: values
    if window is not None and standardise is not None:
        (low_end, high_end), (mean, deviation) = window, standardise
        return lambda values: (values.double().clamp(low_end, high_end) - mean) / deviation
    low, high = _ends(image.flatten(1).double(), normalise, window)
    span = torch.where(high > low, high - low, 1)
    clipped = normalise in ("percentile", "window")

    def scale(values: Tensor) -> Tensor:
        shape = (-1, *[1] * (values.ndim - 1))
        scaled = (values.double() - low.view(shape)) / span.view(shape)
        return scaled.clamp(0, 1) if clipped else scaled

    return scale


def _ends(channels: Tensor, normalise: str, window: tuple[float, float] | None) -> tuple[Tensor, Tensor]:
    """The value of each channel that becomes 0, and the value that becomes 1."""
    if window is not None:
        return torch.full_like(channels[:, 0], window[0]), torch.full_like(channels[:, 0], window[1])
    if normalise == "z-score":
        return channels.mean(1), channels.mean(1) + channels.std(1, correction=0)
    if normalise == "percentile":
        # torch.quantile refuses volumes of more than 2^24 voxels.
        low, high = torch.from_numpy(np.quantile(channels.numpy(), np.array(PERCENTILES) / 100, axis=1))
        return low, high
    return channels.amin(1), channels.amax(1)
