"""Normalises the values of an image, and its intensity range in the same way."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from robustq.errors import RequestError, unknown

BY_RANGE = ("imagenet", "mean-std")
"""Normalisations that map the intensity range to [0, 1]. `network_input` then standardises each channel."""

NORMALISATIONS = ("min-max", "z-score", "percentile", "window", *BY_RANGE, "none")
PERCENTILES = (0.5, 99.5)

MeanStd = tuple[tuple[float, ...], tuple[float, ...]]
"""The mean and the standard deviation of each channel, of values in [0, 1]."""

IMAGENET: MeanStd = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Those of ImageNet's images; torchvision's and timm's pretrained encoders expect them."""


def check_normalisation(
    normalise: str, window: tuple[float, float] | None, standardise: tuple[float, float] | None
) -> None:
    """Refuse settings from which `value_map` can make no map.

    Raises:
        RequestError: the normalisation is unknown, or the three settings do not fit together.
    """
    if normalise not in NORMALISATIONS:
        raise unknown("normalisation", normalise, NORMALISATIONS)
    if (normalise == "window" and window is None) or (window is not None and normalise not in ("window", *BY_RANGE)):
        raise RequestError(
            "normalise=window needs a window such as -160..240, and a window needs normalise=window (or imagenet or "
            "mean-std): give both"
        )
    if window is not None and not -math.inf < window[0] < window[1] < math.inf:
        raise RequestError(
            f"the window {window[0]:g}..{window[1]:g} is empty or not finite: give two finite numbers, low < high"
        )
    if standardise is not None and (normalise != "window" or not 0 < standardise[1] < math.inf):
        raise RequestError(
            f"standardise={standardise} needs a window to clip to, and a finite standard deviation above 0: give both"
        )


def check_mean_std(normalise: str, mean_std: MeanStd | None, channels: int) -> None:
    """Refuse means and standard deviations that the network's channels cannot be standardised with.

    Raises:
        RequestError: they are missing, were given for another normalisation or another number of channels, or cannot
            be used.
    """
    if (normalise == "mean-std") != (mean_std is not None):
        raise RequestError(
            "normalise=mean-std needs a mean and a standard deviation for each channel, as in mean_std=((0.5,), "
            "(0.25,)) or --mean-std 0.5:0.25, and these need normalise=mean-std: give both"
        )
    numbers = IMAGENET if normalise == "imagenet" else mean_std
    if numbers is None:
        return
    counts = {len(part) for part in numbers}
    if normalise == "imagenet" and channels not in counts:
        raise RequestError(
            f"normalise=imagenet is for images of 3 channels, and the network takes {channels}: give channels=3 "
            "(--in-channels 3), for grey images also grey_to_rgb=True (--grey-to-rgb)"
        )
    if counts != {channels}:
        raise RequestError(
            f"mean_std has {len(numbers[0])} means and {len(numbers[1])} standard deviations, and the network takes "
            f"{channels} channel{'s' * (channels > 1)}: give one of each for every channel"
        )
    if not all(math.isfinite(mean) and 0 < deviation < math.inf for mean, deviation in zip(*numbers, strict=True)):
        raise RequestError(f"mean_std={numbers} cannot be used: give finite means, and standard deviations above 0")


def value_map(
    image: Tensor,
    normalise: str,
    window: tuple[float, float] | None,
    standardise: tuple[float, float] | None,
    intensity_range: Float[Tensor, "c 2"],
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
        intensity_range: low and high of each channel. The normalisations of `BY_RANGE` map it to [0, 1].
    """
    if normalise == "none":
        return lambda values: values
    if window is not None and standardise is not None:
        (low_end, high_end), (mean, deviation) = window, standardise
        return lambda values: (values.double().clamp(low_end, high_end) - mean) / deviation
    if normalise in BY_RANGE:
        low, high = intensity_range.double().unbind(1)
    else:
        low, high = _ends(image.flatten(1).double(), normalise, window)
    span = torch.where(high > low, high - low, 1)
    clipped = normalise == "percentile" or window is not None

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
