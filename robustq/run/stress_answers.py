"""Shows draws to models, and gives their answers one by one."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from robustq.model.device import Precision
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter
from robustq.run.batching import Batching
from robustq.run.stress_draws import Draw
from robustq.stopwatch import Stopwatch


class Answer(NamedTuple):
    """A model's answer to one image, on the CPU.

    Attributes:
        mask: boolean, one per label.
        probabilities: probability of each label at each voxel; None unless they were asked for.
        codes: codes of all tokens; None without a codebook.
        finite: whether the answer is finite; if not, the rest means nothing.
    """

    mask: Tensor
    probabilities: Tensor | None
    codes: Tensor | None
    finite: bool


@dataclass(frozen=True)
class Answerer:
    """Shows draws to every model.

    Attributes:
        models: models by name, in evaluation mode.
        batch_size: images, slices or windows for each forward pass.
        precision: precision of the forward passes.
        stopwatch: measures the forward passes.
        with_probabilities: whether the answers hold probabilities.
        batchings: for models whose fastest way was found by a trial: that way, instead of `batch_size`. Of such models,
            identical images that are made one after the other are passed once.
    """

    models: Mapping[str, Segmenter]
    batch_size: int
    precision: Precision
    stopwatch: Stopwatch
    with_probabilities: bool = False
    batchings: Mapping[str, Batching] = field(default_factory=dict)

    @property
    def batch_sizes(self) -> dict[str, int]:
        """For each model, the number of images, slices or windows for each forward pass."""
        chosen = {name: way.batch_size for name, way in self.batchings.items()}
        return {**dict.fromkeys(self.models, self.batch_size), **chosen}

    def __call__(self, draws: Sequence[Draw], batch_size: int) -> Iterator[tuple[str, Draw, Answer]]:
        """For each model and each draw that it is shown: its name, the draw and its answer.

        Args:
            draws: draws whose images have the same shape.
            batch_size: images, slices or windows for each forward pass, where the model has no smaller number.
        """
        axis = draws[0].case.slice_axis
        for name, size in self.batch_sizes.items():
            shown = [draw for draw in draws if name in draw.names]
            if shown:
                answers = self._of_model(name, [draw.case.image for draw in shown], axis, min(batch_size, size))
                yield from ((name, draw, answer) for draw, answer in zip(shown, answers, strict=True))

    def _of_model(self, name: str, images: Sequence[Tensor], axis: int | None, batch_size: int) -> Iterator[Answer]:
        """The answers of a model to some images; what was passed already is not passed again."""
        firsts = _first_alike(images) if name in self.batchings else list(range(len(images)))
        passed = [images[place] for place in dict.fromkeys(firsts)]
        answers = self.stopwatch.each("forward", self._passed(self.models[name], passed, axis, batch_size))
        repeated: dict[int, Answer] = {}
        for place, first in enumerate(firsts):
            answer = next(answers) if place == first else repeated[first]
            if firsts.count(place) > 1:
                repeated[place] = answer
            yield answer

    def _passed(
        self, model: Segmenter, images: Sequence[Tensor], axis: int | None, batch_size: int
    ) -> Iterator[Answer]:
        """The answers of a model to some images, batch by batch."""
        batches = predict(
            model,
            torch.stack(list(images)),
            batch_size=batch_size,
            axis=axis,
            precision=self.precision,
            with_probabilities=self.with_probabilities,
        )
        for masks, codes, probabilities, finite in batches:
            here = None if probabilities is None else probabilities.cpu()
            for place, (mask, is_finite) in enumerate(zip(masks.cpu(), finite.tolist(), strict=True)):
                # The slices or windows of a case give one answer, so all codes belong to it.
                of_image = None if codes is None else codes if len(masks) == 1 else codes[place : place + 1]
                yield Answer(mask, None if here is None else here[place], of_image, is_finite)


def _first_alike(images: Sequence[Tensor]) -> list[int]:
    """For each image, the place of the first one that is equal to it."""
    firsts: list[int] = []
    for place, image in enumerate(images):
        alike = (first for first in dict.fromkeys(firsts) if image.equal(images[first]))
        firsts.append(next(alike, place))
    return firsts
