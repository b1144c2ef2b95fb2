"""Searches the smallest level at which a model's mean Dice on a case falls below a threshold."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import islice

import torch
from torch import nn

from robustq.attack import AbstractAttack, Aimed
from robustq.dataset import Case
from robustq.draws.by_name import load_one
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.perturbed import Perturber
from robustq.draws.seeds import draw_generator, seeded_globals
from robustq.errors import CaseError, RequestError
from robustq.model.predict import BATCH, NOT_FINITE, predict
from robustq.model.segmenter import Segmenter
from robustq.network.memory import with_smaller_batches
from robustq.network.run_network import evaluation_mode
from robustq.network.separate_copy import separate_copy
from robustq.perturbation import AbstractPerturbation
from robustq.request.draws import check_fixed_draws
from robustq.request.levels import HIGHEST
from robustq.results.minimal_levels import STEPS, MinimalLevel
from robustq.run.batching import check_batch_size
from robustq.run.draw_counts import search_draws
from robustq.run.plain_network import model_for_case
from robustq.scoring.mean_dice import mean_dice


class NoAnswerError(CaseError):
    """A model's answer to a case holds NaN or infinity at a level that is tried, so that the search has no result."""


FINEST = 0.001
"""The finest resolution, in percent; it is far larger than the rounding of a level."""


def minimal_level(
    model: nn.Module,
    case: Case,
    perturbation: str | AbstractPerturbation | AbstractAttack,
    *,
    threshold: float = 0.5,
    resolution: float = 0.1,
    draws: int | None = None,
    seed: int = 0,
    clip: bool = False,
    batch_size: int | None = None,
) -> MinimalLevel:
    """The smallest level at which mean Dice falls below a threshold, by steps of 10 points and then by bisection.

    Mean Dice is over draws, then over the labels that the truth shows. A draw that moves all of them out of the image
    is left out. The levels 10, 20, ... 100 are tried until mean Dice is below the threshold at one of them. Then the
    ten points before it are halved until the level is known to the resolution. The search misses a dip between two
    steps; if the curve crosses the threshold several times within a step, it finds one crossing. The draws are those of
    `robustq.stress`: the same at every level and for every model.

    Args:
        model: a segmenter, on any device, or a plain network; it is left unchanged.
        case: the case, prepared for the model by `model.spec.preparation(dataset.read(entry))`.
        perturbation: a perturbation, or an attack, which is aimed at the model. Give a name as in `robustq.stress`, or
            an object; the seeds of an object are made with the name of its class.
        threshold: Dice, above 0 and at most 1.
        resolution: percent; the search ends when the level is known to this resolution.
        draws: number of random realisations; by default 10 of a perturbation and 1 of an attack. An attack without
            randomness always has one.
        seed: seed of the run.
        clip: bring perturbed values back into the intensity range.
        batch_size: images, slices or windows for each forward pass; so many draws are then passed together. By default
            one draw at a time, in batches of 16 slices or windows of a 2D model, or of 2 windows of a 3D one.

    Raises:
        RequestError: a number is out of its range.
        CaseError: the truth shows no label, or shows none in any draw of a level that is tried.
        NoAnswerError: the answer to a draw of a level that is tried is not finite; it has no Dice.
    """
    check_search(threshold, resolution, draws)
    check_batch_size(batch_size)
    if not case.truth.any():
        raise CaseError("the truth shows no label, so that there is no Dice")
    if not isinstance(model, Segmenter):
        model = model_for_case(separate_copy(model, {}), case)
    name, opened = (
        load_one(perturbation) if isinstance(perturbation, str) else (type(perturbation).__name__, perturbation)
    )
    number = search_draws(draws, opened, {})
    perturber = Perturber(
        {name: Aimed(opened, model, clip) if isinstance(opened, AbstractAttack) else opened},
        DrawSettings(seed, clip=clip),
    )

    # One draw of a volume that is read slice by slice or window by window already fills a batch.
    whole = case.slice_axis is None and model.spec.preparation.patch is None
    together = batch_size if whole and batch_size is not None else 1
    size = batch_size or BATCH[2 if case.slice_axis is not None else case.dims]

    @cache
    def scores(level: float) -> list[float]:
        cases = (perturber(case, name, level, draw) for draw in range(number)) if level > 0 else iter((case,))
        try:
            return [dice for some in _parts(cases, together) for dice in _answers_dice(model, some, size)]
        except NoAnswerError as error:
            raise NoAnswerError(f"at {level:g} % {error}") from error

    def dice(level: float) -> float:
        valid = [score for score in scores(level) if not math.isnan(score)]
        if not valid:
            raise CaseError(f"at {level:g} % every draw of {name} moves all labels out of the image: there is no Dice")
        return sum(valid) / len(valid)

    # Some networks draw from the global generators.
    with evaluation_mode(model), seeded_globals(draw_generator(seed, case.entry.id, "network", 0)):
        result = bisect(dice, threshold, resolution)
        return replace(result, absent=sum(map(math.isnan, scores(result.level))))


def bisect(dice: Callable[[float], float], threshold: float, resolution: float) -> MinimalLevel:
    """The smallest level tried at which a function of the level is below a threshold, as the result of a search."""
    clean = dice(0.0)
    if clean < threshold:
        return MinimalLevel(0.0, None, False, clean, clean)
    below = next((level for level in STEPS if dice(level) < threshold), None)
    if below is None:
        return MinimalLevel(HIGHEST, HIGHEST, True, clean, dice(HIGHEST))
    above = below - STEPS[0]
    while below - above > resolution:
        middle = (above + below) / 2
        above, below = (above, middle) if dice(middle) < threshold else (middle, below)
    return MinimalLevel(below, above, False, clean, dice(below))


def _parts(cases: Iterator[Case], size: int) -> Iterator[list[Case]]:
    """The cases, so many at a time."""
    while part := list(islice(cases, size)):
        yield part


def _answers_dice(model: Segmenter, cases: Sequence[Case], batch_size: int) -> list[float]:
    """Mean Dice of a model's answer to each draw over the labels that its truth shows; NaN if it shows none."""
    images = torch.stack([case.image for case in cases])
    answers, _ = with_smaller_batches(
        lambda size: list(predict(model, images, batch_size=size, axis=cases[0].slice_axis)), batch_size
    )
    if not all(answer.finite.all() for answer in answers):
        raise NoAnswerError(NOT_FINITE)
    masks = (of_image for answer in answers for of_image in answer.masks.cpu())
    return [mean_dice(of_image, case) for of_image, case in zip(masks, cases, strict=True)]


def check_search(threshold: float, resolution: float, draws: int | None) -> None:
    """Refuse settings with which no search is possible.

    Raises:
        RequestError: a number is out of its range.
    """
    if not 0 < threshold <= 1:
        raise RequestError(f"a threshold of {threshold:g} was asked: give a Dice above 0 and at most 1, such as 0.5")
    if not FINEST <= resolution <= HIGHEST:
        raise RequestError(f"a resolution of {resolution:g} was asked: give percent from {FINEST:g} to {HIGHEST:g}")
    check_fixed_draws(draws)
