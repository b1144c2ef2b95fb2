"""Passes in which some feature maps come from another image than the rest of the network's."""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from robustq.dataset import Case
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter


class Mixed(NamedTuple):
    """The answers of mixed passes, (N, L, *S) on the CPU.

    Attributes:
        held: the bottleneck of the clean image, everything else of the perturbed ones.
        handed: the bottlenecks of the perturbed images, everything else of the clean one.

    Both are None where an answer of a mixed pass is not finite.
    """

    held: Bool[Tensor, "n l *s"] | None
    handed: Bool[Tensor, "n l *s"] | None


def clean_maps(model: Segmenter, case: Case, batch_size: int, *, skips: bool) -> list[Tensor]:
    """The feature maps that the decoder gets for a clean case, bottleneck last, each (M, C, *T).

    M is the number of slices and windows of the case, 1 where the model sees it whole.

    Args:
        model: a segmenter in evaluation mode.
        case: a prepared case.
        batch_size: number of images, slices or windows in a pass.
        skips: whether the skips are kept too; else the list holds the bottleneck alone.
    """
    parts: list[Sequence[Tensor]] = []

    def keep(maps: Sequence[Tensor]) -> Sequence[Tensor]:
        # Copies, because the network's next layers may change a map in place.
        parts.append([feature.clone() for feature in (maps if skips else maps[-1:])])
        return maps

    with model.exchanging(keep):
        _masks(model, case.image[None], case.slice_axis, batch_size)
    return [torch.cat(list(scale)) for scale in zip(*parts, strict=True)]


def mixed_answers(model: Segmenter, clean: Case, drawn: Sequence[Case], bottleneck: Tensor, batch_size: int) -> Mixed:
    """The answers with the clean bottleneck to the perturbed images, and the other way round.

    Args:
        model: a segmenter in evaluation mode.
        clean: a prepared case.
        drawn: perturbed draws of it, N.
        bottleneck: its bottleneck, as `clean_maps` gives it.
        batch_size: number of images, slices or windows in a pass.
    """
    perturbed: list[Tensor] = []
    place = count()

    def hold(maps: Sequence[Tensor]) -> Sequence[Tensor]:
        perturbed.append(maps[-1].clone())
        return [*maps[:-1], _rows(bottleneck, [next(place) % len(bottleneck) for _ in maps[-1]])]

    images = torch.stack([draw.image for draw in drawn])
    with model.exchanging(hold):
        held = _masks(model, images, clean.slice_axis, batch_size)
    bottlenecks, place = iter(torch.cat(perturbed)), count()

    def hand(maps: Sequence[Tensor]) -> Sequence[Tensor]:
        return [*maps[:-1], torch.stack([next(bottlenecks) for _ in maps[-1]])]

    with model.exchanging(hand):
        handed = _masks(model, clean.image.expand_as(images), clean.slice_axis, batch_size)
    return Mixed(None, None) if held is None or handed is None else Mixed(held, handed)


def skip_answers(
    model: Segmenter, drawn: Sequence[Case], skip: Tensor, scale: int, batch_size: int
) -> Bool[Tensor, "n l *s"] | None:
    """The answers to perturbed images with one scale of the skips from the clean image; None if one is not finite.

    Args:
        model: a segmenter in evaluation mode.
        drawn: perturbed draws of a case, N.
        skip: that scale of the clean case, as `clean_maps` gives it.
        scale: number of that scale among the site's feature maps, from 0.
        batch_size: number of images, slices or windows in a pass.
    """
    place = count()

    def hold(maps: Sequence[Tensor]) -> Sequence[Tensor]:
        clean = _rows(skip, [next(place) % len(skip) for _ in maps[scale]])
        return [*maps[:scale], clean, *maps[scale + 1 :]]

    with model.exchanging(hold):
        return _masks(model, torch.stack([draw.image for draw in drawn]), drawn[0].slice_axis, batch_size)


def _masks(model: Segmenter, images: Tensor, axis: int | None, batch_size: int) -> Tensor | None:
    """The masks of all images on the CPU; None if a class score is not finite."""
    answers = list(predict(model, images, batch_size=batch_size, axis=axis))
    if not all(bool(answer.finite.all()) for answer in answers):
        return None
    return torch.cat([answer.masks.cpu() for answer in answers])


def _rows(maps: Tensor, places: Sequence[int]) -> Tensor:
    return maps[torch.tensor(places, device=maps.device)]
