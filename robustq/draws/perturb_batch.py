"""Perturb a batch of images, for other projects."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from robustq.dataset import Case, Entry, own_range
from robustq.draws.by_name import load_perturbations
from robustq.draws.perturbed import clip as clip_case
from robustq.draws.seeds import draw_generator
from robustq.errors import RequestError
from robustq.perturbation import check_level

Batch = TypeVar("Batch", Tensor, np.ndarray)


def perturb(
    images: Batch,
    name: str,
    *,
    level: float,
    seed: int = 0,
    draw: int = 0,
    intensity_range: Sequence[float] | Sequence[Sequence[float]] | None = None,
    keys: Sequence[str] | None = None,
    compat: str | None = None,
    clip: bool = False,
) -> Batch:
    """Perturb each image of a batch with its own draw.

    Args:
        images: (B, C, *S), two or three spatial axes, floating point; a tensor on any device, or an array.
        name: a registered perturbation, such as "gaussian", or a chain, such as "gaussian+blur".
        level: percent, 0 to 100; 0 returns equal values.
        seed: seed of the run.
        draw: number of the draw; another number gives other noise.
        intensity_range: (low, high) for all channels, or one pair per channel; by default the minimum and maximum of
            each image.
        keys: one name per image; the noise of an image follows from its key, the seed, the name and the draw. By
            default the key is the image's place in the batch.
        compat: "paper-code" for the formulas of the paper's published code.
        clip: bring perturbed values back into the intensity range; level 0 is left as it is.

    Returns:
        The perturbed batch, of the same type, shape, dtype and device.

    Raises:
        RequestError: an argument cannot be used; the message says what can be.
    """
    batch = torch.from_numpy(images) if isinstance(images, np.ndarray) else images
    _check(batch, level)
    names = [str(place) for place in range(len(batch))] if keys is None else [str(key) for key in keys]
    if len(names) != len(batch) or len(set(names)) < len(names):
        raise RequestError(f"keys={names} do not name {len(batch)} images: give one key per image, all different")
    ((canonical_name, perturbation),) = load_perturbations([name], compat).items()
    if perturbation.moves_truth:
        raise RequestError(
            f"{canonical_name} moves the mask with the image, and no mask is given here: run robustq stress on data"
        )
    limits = None if intensity_range is None else _limits(intensity_range, batch.shape[1])
    results = []
    for key, image in zip(names, batch, strict=True):
        case = Case(
            image=image,
            mask=torch.zeros(0, *image.shape[1:], dtype=torch.bool),
            intensity_range=own_range(image.detach()) if limits is None else limits,
            spacing=(1.0,) * (image.ndim - 1),
            unit="px",
            entry=Entry(key, key),
        )
        case = perturbation(case, level, draw_generator(seed, key, canonical_name, draw))
        results.append((clip_case(case) if clip and level else case).image)
    result = torch.stack(results) if results else batch.clone()
    return result.numpy() if isinstance(images, np.ndarray) else result


def _check(batch: Tensor, level: float) -> None:
    if isinstance(level, bool) or not isinstance(level, int | float):
        raise RequestError(f"level {level!r} is not a number: give a percentage from 0 to 100")
    check_level(level)
    if not isinstance(batch, Tensor):
        raise RequestError(f"images were given as a {type(batch).__name__}: give a tensor or an array (B, C, *S)")
    if batch.ndim not in (4, 5):
        raise RequestError(
            f"images of shape {tuple(batch.shape)} were given: give (B, C, *S) with two or three axes *S"
        )
    if not batch.is_floating_point():
        raise RequestError(f"images of {batch.dtype} were given: convert them to floating point first")


def _limits(given: Sequence[float] | Sequence[Sequence[float]], channels: int) -> Tensor:
    limits = torch.as_tensor(given, dtype=torch.float64)
    if limits.shape == (2,):
        limits = limits.expand(channels, 2)
    if limits.shape != (channels, 2) or not (limits[:, 1] >= limits[:, 0]).all():
        raise RequestError(
            f"intensity_range={given} is not a range: give (low, high), or one such pair for each of the {channels} "
            "channels"
        )
    return limits
