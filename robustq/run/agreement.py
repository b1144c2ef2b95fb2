"""Compares a model's answers with its own clean answer: the rows of a run without labels."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from robustq.dataset import Case
from robustq.draws.perturbed import Perturber
from robustq.draws.seeds import draw_generator, seeded_globals
from robustq.metric import AbstractMetric, Comparison, Missing, Truth
from robustq.model.device import Precision
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter
from robustq.request.names import CLEAN
from robustq.results.rows import NO_ANSWER, Row
from robustq.shapes import Masks
from robustq.statistics.volume_changes import APPEARED, CHANGE, PERCENT

NOT_FINITE = "the model's answer to the unperturbed case holds NaN or infinity"
"""Reason of a row whose answer has nothing to be compared with."""


class _Reference(NamedTuple):
    """A model's answer to an unperturbed case: its masks, and what metrics compute of them."""

    case: str
    masks: Masks
    truths: Sequence[Truth]
    finite: bool


@dataclass
class Agreement:
    """Measures how far a model's answers are from its own answer to the unperturbed case (docs/definitions.md, Without
    labels).

    Where a perturbation moves the truth, the clean answer is moved in the same way. No mask of the data is used, and no
    voxel is ignored.

    Attributes:
        metrics: metrics by the text that stands in the rows.
        missing: policy for the distance to a structure of the clean answer that an answer lacks.
        perturber: makes the draws.
        precision: precision of the forward passes.
    """

    metrics: Mapping[str, AbstractMetric]
    missing: Missing
    perturber: Perturber
    precision: Precision
    _kept: dict[str, _Reference] = field(default_factory=dict, repr=False)  # the last case of each model

    def rows(self, model: Segmenter, clean: Case, answer: Masks, shared: Row, *, batch_size: int) -> Iterator[Row]:
        """The rows of an answer; without values where the clean answer is not finite.

        Args:
            model: the model that `shared` names.
            clean: the unperturbed case.
            answer: the model's answer to a draw of the case, on the CPU.
            shared: the columns that the rows share; they name the draw.
            batch_size: slices or windows for each forward pass.
        """
        reference = self._reference(shared.model, model, clean, batch_size)
        if not reference.finite:
            yield from self.unmeasured(clean, replace(shared, status=NO_ANSWER, reason=NOT_FINITE))
            return
        # The last bits of an answer can depend on its batch, but a case always agrees with itself.
        masks = reference.masks if shared.perturbation == CLEAN else answer
        for label, mask, expected in zip(clean.labels, masks, self._expected(reference, clean, shared), strict=True):
            yield from self._of_label(mask.numpy(), expected, replace(shared, label=label))

    def unmeasured(self, clean: Case, shared: Row) -> Iterator[Row]:
        """The rows of an answer that is missing."""
        for label in clean.labels:
            for text, metric in self.metrics.items():
                yield replace(shared, label=label, metric=text, unit=metric.unit(clean.unit))
            yield replace(shared, label=label, metric=CHANGE, unit=PERCENT)

    def _of_label(self, mask: Bool[np.ndarray, "*s"], expected: Truth, shared: Row) -> Iterator[Row]:
        comparison = Comparison(mask, expected, self.missing)
        shared = replace(shared, status="missed") if comparison.missed else shared
        for text, metric in self.metrics.items():
            score = math.nan if expected.empty else metric.score(comparison)
            value = None if math.isnan(score) else score
            yield replace(shared, metric=text, value=value, unit=metric.unit(expected.unit))
        change = None if expected.empty else 100 * (comparison.volume - expected.volume) / expected.volume
        yield replace(shared, metric=CHANGE, value=change, unit=PERCENT)
        if expected.empty:
            yield replace(shared, metric=APPEARED, value=float(comparison.volume > 0))

    def _expected(self, reference: _Reference, clean: Case, shared: Row) -> Sequence[Truth]:
        """The clean answer, moved as the draw moves the image."""
        if shared.perturbation == CLEAN:
            return reference.truths
        assert shared.draw is not None, "the row of an answer names its draw"
        moved = self.perturber.moved(reference.masks, clean, shared.perturbation, shared.level, shared.draw)
        return reference.truths if moved is reference.masks else _truths(moved, clean)

    def _reference(self, name: str, model: Segmenter, clean: Case, batch_size: int) -> _Reference:
        """The clean answer; that of one case is kept for each model, because pieces are ordered by case.

        It takes a pass of its own, from generators of its own, so that it depends on the case alone.
        """
        kept = self._kept.get(name)
        if kept is not None and kept.case == clean.entry.id:
            return kept
        with seeded_globals(draw_generator(self.perturber.settings.seed, clean.entry.id, CLEAN, 0)):
            (answers,) = predict(
                model,
                clean.image[None],
                batch_size=batch_size,
                axis=clean.slice_axis,
                precision=self.precision,
            )
        masks = answers.masks[0].cpu()
        self._kept[name] = _Reference(clean.entry.id, masks, _truths(masks, clean), bool(answers.finite.all()))
        return self._kept[name]

    def __getstate__(self) -> dict[str, object]:
        """What another process gets: it computes the clean answers that it needs."""
        return {**vars(self), "_kept": {}}


def _truths(masks: Masks, case: Case) -> list[Truth]:
    return [Truth(mask.numpy(), case.spacing, case.unit) for mask in masks]
