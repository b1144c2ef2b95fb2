"""Turns the answers to draws into rows."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from robustq.dataset import Case
from robustq.metric import AbstractMetric, Comparison, Missing
from robustq.model.predict import NOT_FINITE
from robustq.model.segmenter import Segmenter
from robustq.quantiser import usage
from robustq.results.rows import NO_ANSWER, Row, of_model
from robustq.run.agreement import Agreement
from robustq.run.stress_answers import Answer
from robustq.run.stress_draws import Draw


@dataclass(frozen=True)
class Scorer:
    """Measures answers.

    Attributes:
        models: models by name.
        metrics: metrics by the text that stands in the rows; they compare answers with the truth.
        missing: policy for the distance to a missed structure.
        agreement: in a run without labels, compares answers with the clean ones too; None otherwise.
    """

    models: Mapping[str, Segmenter]
    metrics: Mapping[str, AbstractMetric]
    missing: Missing
    agreement: Agreement | None = None

    def rows(self, name: str, draw: Draw, answer: Answer, batch_size: int) -> Iterator[Row]:
        """The rows of a model's answer to a draw.

        Args:
            name: name of the model.
            draw: the draw.
            answer: its answer.
            batch_size: images, slices or windows for each forward pass, if the answer is compared with the clean one.
        """
        model = self.models[name]
        shared = replace(draw.shared, **of_model(name, model))
        if not answer.finite:
            measured = list(self._unmeasured(draw, replace(shared, status=NO_ANSWER, reason=NOT_FINITE)))
        else:
            measured = list(self._measured(answer, draw, shared))
            if self.agreement is not None:
                measured += self.agreement.rows(model, draw.clean, answer.mask, shared, batch_size=batch_size)
        for perturbation in draw.names[name]:
            yield from (replace(row, perturbation=perturbation) for row in measured)
        if draw.is_clean and answer.codes is not None and answer.finite:
            yield from _code_usage(answer.codes, model, shared)

    def failed(self, draws: Sequence[Draw], reason: str) -> list[Row]:
        """The rows of draws that could not be made or answered, for all models that are shown them."""
        return [
            replace(row, **of_model(name, model), perturbation=perturbation)
            for name, model in self.models.items()
            for draw in draws
            for perturbation in draw.names.get(name, ())
            for row in self._unmeasured(draw, replace(draw.shared, status="failed", reason=reason))
        ]

    def _measured(self, answer: Answer, draw: Draw, shared: Row) -> Iterator[Row]:
        """Rows of the metrics of every label that the truth shows, and rows of the invented parts of other labels."""
        case, probabilities = draw.case, answer.probabilities
        if probabilities is not None and case.ignored is not None:
            probabilities = probabilities.masked_fill(case.ignored, math.nan)
        for place, (label, predicted, truth) in enumerate(
            zip(case.labels, answer.mask, draw.truths, strict=self.agreement is None)
        ):
            mask = predicted.numpy() if case.ignored is None else (predicted & ~case.ignored).numpy()
            of_label = replace(shared, label=label)
            if truth.empty:
                yield from self._invented(case, of_label, float(mask.sum()) * math.prod(case.spacing))
                continue
            probability = None if probabilities is None else probabilities[place].numpy()
            comparison = Comparison(mask, truth, self.missing, probability)
            of_label = replace(of_label, status="ok" if mask.any() else "missed")
            for text, metric in self.metrics.items():
                value = metric.score(comparison)
                yield replace(
                    of_label, metric=text, value=None if math.isnan(value) else value, unit=metric.unit(case.unit)
                )

    def _unmeasured(self, draw: Draw, shared: Row) -> Iterator[Row]:
        """The rows of an answer, without a value."""
        case = draw.case
        if self.agreement is not None:
            yield from self.agreement.unmeasured(case, shared)
        for label, truth in zip(case.labels, draw.truths, strict=self.agreement is None):
            of_label = replace(shared, label=label)
            if truth.empty:
                yield from self._invented(case, of_label, None)
                continue
            for text, metric in self.metrics.items():
                yield replace(of_label, metric=text, unit=metric.unit(case.unit))

    def _invented(self, case: Case, shared: Row, volume: float | None) -> Iterator[Row]:
        """The rows of a label that the truth does not show; none in a run without labels.

        Args:
            case: the case.
            shared: the columns that the rows share.
            volume: volume of the label in the answer; None without an answer.
        """
        if self.agreement is None:
            yield replace(shared, metric="invented", value=None if volume is None else float(volume > 0))
            yield replace(shared, metric="invented_volume", value=volume, unit=volume_unit(case))


def volume_unit(case: Case) -> str:
    """The unit of a volume in a case: mm3, px2, ..."""
    return f"{case.unit}{case.dims}"


def _code_usage(codes: Tensor, model: Segmenter, shared: Row) -> Iterator[Row]:
    """How often the tokens of a case chose each code; with several stages, the label names the stage too."""
    quantiser = model.quantiser
    capacity = None if quantiser is None else quantiser.capacity
    if capacity is None:
        return
    stages, size = capacity
    for stage, counts in enumerate(usage(codes.cpu(), size)):
        for code in counts.nonzero().flatten().tolist():
            label = str(code) if stages == 1 else f"{stage}:{code}"
            yield replace(shared, label=label, metric="code_usage", value=float(counts[code]))
