"""How much of an image's quality a perturbation leaves: SSIM, PSNR and SNR (docs/definitions.md, Severity)."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from robustq.data.slices import slice_axis
from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.requirements import pip_line

SIGMA, WINDOW = 1.5, 11
"""Standard deviation and extent of the window of SSIM, in pixels (Wang et al. 2004)."""

UNITS = {"ssim": "", "psnr": "dB", "snr": "dB"}
"""Unit of each quality."""


class _Channel(NamedTuple):
    """One channel before and after the change, and the span of its intensity range."""

    clean: Float[np.ndarray, "*s"]
    changed: Float[np.ndarray, "*s"]
    span: float


def require_library() -> None:
    """Refuse to measure quality where scikit-image is missing.

    Raises:
        RequestError: it is missing; the message says how it is installed.
    """
    _skimage("metrics")


def quality(name: str, clean: Case, changed: Case) -> float:
    """A quality of a perturbed case: the mean over the channels whose intensity range is not empty; NaN without one.

    Args:
        name: `ssim`, `psnr` or `snr`.
        clean: the unperturbed case.
        changed: the perturbed case.

    Raises:
        RequestError: scikit-image is missing, or the image is too small for SSIM.
    """
    values = [_MEASURES[name](channel, clean) for channel in _channels(clean, changed)]
    return float(np.mean(values)) if values else math.nan


def noise_levels(case: Case) -> list[float]:
    """The standard deviation of the noise of each channel as scikit-image estimates it, in percent of its span.

    Raises:
        RequestError: scikit-image is missing.
    """
    estimate = _skimage("restoration").estimate_sigma
    return [100 * float(estimate(channel.clean)) / channel.span for channel in _channels(case, case)]


def _channels(clean: Case, changed: Case) -> Iterator[_Channel]:
    for before, after, (low, high) in zip(clean.image, changed.image, clean.intensity_range.tolist(), strict=True):
        if high > low:
            yield _Channel(before.double().numpy(), after.double().numpy(), high - low)


def _ssim(channel: _Channel, case: Case) -> float:
    """The mean over slices of the structural similarity, because thin volumes have fewer slices than the window."""
    axis = None if case.dims == 2 else slice_axis(case.spacing)
    pairs = [(channel.clean, channel.changed)]
    if axis is not None:
        pairs = list(zip(np.moveaxis(channel.clean, axis, 0), np.moveaxis(channel.changed, axis, 0), strict=True))
    if min(pairs[0][0].shape) < WINDOW:
        raise RequestError(
            f"case {case.entry.id} has {min(pairs[0][0].shape)} pixels along an axis, and SSIM compares windows of "
            f"{WINDOW}: give psnr or snr, or larger images"
        )
    similarity = _skimage("metrics").structural_similarity
    return float(
        np.mean(
            [
                similarity(
                    *pair, data_range=channel.span, gaussian_weights=True, sigma=SIGMA, use_sample_covariance=False
                )
                for pair in pairs
            ]
        )
    )


def _psnr(channel: _Channel, case: Case) -> float:
    if np.array_equal(channel.clean, channel.changed):
        return math.inf
    return float(_skimage("metrics").peak_signal_noise_ratio(channel.clean, channel.changed, data_range=channel.span))


def _snr(channel: _Channel, case: Case) -> float:
    error = float(np.mean((channel.changed - channel.clean) ** 2))
    signal = float(channel.clean.var())
    if error == 0 or signal == 0:
        return math.inf if error == 0 else -math.inf
    return 10 * math.log10(signal / error)


_MEASURES: Mapping[str, Callable[[_Channel, Case], float]] = {"ssim": _ssim, "psnr": _psnr, "snr": _snr}


def _skimage(module: str) -> ModuleType:
    """A module of scikit-image, which only runs that ask for image quality need."""
    from importlib import import_module

    try:
        import_module("pywt")  # needed by one function of scikit-image, which does not install it
        return import_module(f"skimage.{module}")
    except ImportError as error:
        raise RequestError(f"image quality needs the library scikit-image: {pip_line('scikit-image')}") from error


def qualities(clean: Case, changed: Case) -> Sequence[tuple[str, float, str]]:
    """Name, value and unit of each quality of a perturbed case."""
    return [(name, quality(name, clean, changed), unit) for name, unit in UNITS.items()]
