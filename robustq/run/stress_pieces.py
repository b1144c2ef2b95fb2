"""Computes the rows of a stress run from batches of pieces."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import NamedTuple

import torch
from torch import Tensor

from robustq.attack import Aimed
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import Case, Entry
from robustq.draws.attacked import Attacker
from robustq.draws.perturbed import Perturber
from robustq.errors import CaseError
from robustq.metric import AbstractMetric, Comparison, Missing, Truth
from robustq.model.device import Precision
from robustq.model.predict import NOT_FINITE, predict
from robustq.model.segmenter import Segmenter
from robustq.network.memory import TOO_LARGE, is_out_of_memory, with_smaller_batches
from robustq.quantiser import usage
from robustq.request.names import CLEAN
from robustq.results.rows import NO_ANSWER, SMALLER, Row, blank_row, of_model
from robustq.run.agreement import Agreement
from robustq.run.batching import Batching
from robustq.run.passes import Passes
from robustq.run.plan import Piece
from robustq.run.quality_rows import quality_rows


class _Draw(NamedTuple):
    """A perturbed case, and the names under which each model's answers are stored."""

    piece: Piece
    number: int
    case: Case
    truths: Sequence[Truth]
    shared: Row  # the columns that all rows of this draw share
    names: Mapping[str, Sequence[str]]  # for each model that is shown the case
    failure: str = ""  # why the case could not be perturbed; it is then the clean one


class _Answer(NamedTuple):
    """A model's answer to one image."""

    mask: Tensor
    probabilities: Tensor | None
    codes: Tensor | None
    finite: bool


@dataclass
class Evaluator:
    """Shows every perturbed draw to every model and measures the answers.

    The perturbed draws of a batch are made once, at most `batch_size` at a time; one at a time where the models have a
    patch. Draws of an attack are made once for
    each attacked model.

    Attributes:
        models: models by name, in evaluation mode.
        cases: prepared cases, the same for all models.
        entries: entries by case id.
        perturber: makes the draws that all models are shown.
        attacker: makes the draws that are aimed at one model.
        metrics: metrics by the text that stands in the rows.
        batch_size: images, slices or windows for each forward pass.
        missing: policy for the distance to a missed structure.
        precision: precision of the forward passes.
        agreement: in a run without labels, compares answers with the clean ones. Then `metrics` compare them with the
            truth of the cases that have one.
        with_quality: whether each draw has rows of its image quality too.
        severities: for the case, perturbation and level of a piece, the targets that it stands for in the rows; empty
            if levels were asked for.
        batchings: for models whose fastest way was found by a trial: that way, instead of `batch_size`. Of such models,
            identical images that are made one after the other are passed once.
    """

    models: Mapping[str, Segmenter]
    cases: PreparedCases
    entries: Mapping[str, Entry]
    perturber: Perturber
    attacker: Attacker
    metrics: Mapping[str, AbstractMetric]
    batch_size: int
    missing: Missing
    precision: Precision
    agreement: Agreement | None = None
    with_quality: bool = False
    severities: Mapping[tuple[str, str, float], Sequence[str]] = field(default_factory=dict)
    batchings: Mapping[str, Batching] = field(default_factory=dict)
    _fits: int = field(default=0, repr=False)  # the batch size that fitted last
    _truths: dict[str, Sequence[Truth]] = field(default_factory=dict, repr=False)

    def __call__(self, batch: Sequence[Piece]) -> list[Row]:
        """The rows of a batch, in the order of pieces, draws, models, labels and metrics."""
        rows: list[Row] = []
        draws = (
            self._draw(piece, number, perturber, names)
            for piece in batch
            for number in range(piece.first, piece.first + piece.draws)
            for perturber, names in self._views(piece.perturbation)
        )
        # The windows of one draw fill the batches, and several draws of a large volume would fill the memory.
        for chunk in _chunks(draws, self.batch_size if self.cases.preparation.patch is None else 1):
            for (_, failure), alike in groupby(chunk, key=lambda draw: (draw.case.image.shape, draw.failure)):
                draws_alike = list(alike)
                rows += self._failed(draws_alike, failure) if failure else self._fitting(draws_alike)
                rows += self._quality(draws_alike) if self.with_quality and not failure else []
        if not self.severities:
            return rows
        return [
            replace(row, severity=target)
            for row in rows
            for target in self.severities.get((row.case, row.perturbation, row.level), [""])
        ]

    def _quality(self, draws: list[_Draw]) -> list[Row]:
        """The rows of the image quality of some draws above level 0."""
        rows: list[Row] = []
        with self.cases.stopwatch.stage("score"):
            for draw in draws:
                if draw.piece.perturbation == CLEAN:
                    continue
                attacked = next(iter(draw.names)) if draw.piece.perturbation in self.attacker.attacks else None
                of_draw = {} if attacked is None else of_model(attacked, self.models[attacked])
                clean = self.cases(self.entries[draw.piece.case])
                rows += quality_rows(clean, draw.case, replace(draw.shared, **of_draw))
        return rows

    def _fitting(self, draws: list[_Draw]) -> list[Row]:
        """The rows of some draws, in batches that fit in memory."""
        try:
            rows, size = with_smaller_batches(lambda size: list(self._answer(draws, size)), self._fits or self._largest)
        except CaseError as error:
            if len(draws) > 1:  # one of them may be the only one that does not fit
                return [row for draw in draws for row in self._fitting([draw])]
            return self._failed(draws, str(error))
        self._fits = size  # what fitted once is tried first
        reasons = {
            name: f"{SMALLER}{size}, because {asked} did not fit in memory"
            for name in self.models
            if (asked := self._batch_size(name)) > size
        }
        return [replace(row, reason=row.reason or reasons[row.model]) if row.model in reasons else row for row in rows]

    def _batch_size(self, name: str) -> int:
        """Number of images, slices or windows for each forward pass of a model."""
        return self.batchings[name].batch_size if name in self.batchings else self.batch_size

    @property
    def _largest(self) -> int:
        return max(map(self._batch_size, self.models))

    def _failed(self, draws: list[_Draw], reason: str) -> list[Row]:
        return [
            replace(row, **of_model(name, model), perturbation=perturbation)
            for name, model in self.models.items()
            for draw in draws
            for perturbation in draw.names.get(name, ())
            for row in self._unmeasured(draw, replace(draw.shared, status="failed", reason=reason))
        ]

    def passes(self, piece: Piece) -> Passes:
        """The passes that a piece takes."""
        plain, with_gradient = 0, 0
        for perturber, names in self._views(piece.perturbation):
            plain += len(names)
            # A run without labels makes the clean answer a second time, as what all answers are compared with.
            plain += len(names) if self.agreement is not None and piece.perturbation == CLEAN else 0
            shown = perturber.perturbations.get(piece.perturbation)
            if isinstance(shown, Aimed):
                plain += shown.attack.queries
                with_gradient += shown.attack.passes
        return Passes(piece.draws * plain, piece.draws * with_gradient)

    def shown(self, model: str, clean: Case, perturbation: str, level: float) -> Case:
        """Draw 0 of a case as a model was shown it.

        Args:
            model: name of the model.
            clean: the unperturbed case.
            perturbation: name of a perturbation, or of an attack that was made for the model.
            level: percent.
        """
        perturber = next(
            perturber for perturber, names in self._views(perturbation) if perturbation in names.get(model, ())
        )
        return perturber(clean, perturbation, level, 0)

    def _views(self, perturbation: str) -> Sequence[tuple[Perturber, Mapping[str, Sequence[str]]]]:
        """What makes the draws of a perturbation, and the names under which each model's answers are stored."""
        if perturbation == CLEAN:
            names = {model: [*self.perturber.perturbations, *self.attacker.names(model)] for model in self.models}
            return [(self.perturber, names)]
        if perturbation in self.perturber.perturbations:
            return [(self.perturber, {model: [perturbation] for model in self.models})]
        return self.attacker.views(perturbation)

    def _draw(self, piece: Piece, number: int, perturber: Perturber, names: Mapping[str, Sequence[str]]) -> _Draw:
        with self.cases.stopwatch.stage("perturb"):
            return self._perturbed(piece, number, perturber, names)

    def _perturbed(self, piece: Piece, number: int, perturber: Perturber, names: Mapping[str, Sequence[str]]) -> _Draw:
        entry = self.entries[piece.case]
        clean = self.cases(entry)
        shared = replace(
            blank_row(self.cases.dataset, entry), perturbation=piece.perturbation, level=piece.level, draw=number
        )
        if piece.perturbation == CLEAN:
            return _Draw(piece, number, clean, self._truth(clean), shared, names)
        name, level = piece.perturbation, piece.level
        try:
            case, failure = perturber(clean, name, level, number), ""
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            case, failure = clean, TOO_LARGE
        moved = perturber.perturbations[name].moves_truth and not failure
        truths = self._truths_of(case) if moved else self._truth(clean)
        parameters, seed = perturber.parameters(clean, name, level), perturber.seed_of(clean, name, number)
        return _Draw(piece, number, case, truths, replace(shared, parameters=parameters, seed=seed), names, failure)

    def _truth(self, case: Case) -> Sequence[Truth]:
        """The truths of an unperturbed case. They are kept for one case, because pieces are ordered by case."""
        if case.entry.id not in self._truths:
            self._truths.clear()
            self._truths[case.entry.id] = self._truths_of(case)
        return self._truths[case.entry.id]

    def _truths_of(self, case: Case) -> Sequence[Truth]:
        """The truths of a case; none in a run without labels where the case has no mask."""
        return [] if self.agreement is not None and case.mask is None else _truths(case)

    def _answer(self, draws: list[_Draw], batch_size: int) -> Iterator[Row]:
        stopwatch = self.cases.stopwatch
        for name, model in self.models.items():
            draws_of_model = [draw for draw in draws if name in draw.names]
            if not draws_of_model:
                continue
            images = [draw.case.image for draw in draws_of_model]
            firsts = _first_alike(images) if name in self.batchings else list(range(len(images)))
            shown = [image for place, (image, first) in enumerate(zip(images, firsts, strict=True)) if place == first]
            passed = self._pass(model, shown, draws[0].case.slice_axis, min(batch_size, self._batch_size(name)))
            answers = stopwatch.each("forward", passed)
            repeated: dict[int, _Answer] = {}
            for place, (draw, first) in enumerate(zip(draws_of_model, firsts, strict=True)):
                answer = next(answers) if place == first else repeated[first]
                if firsts.count(place) > 1:
                    repeated[place] = answer
                with stopwatch.stage("score"):
                    yield from self._rows(name, model, draw, answer, batch_size)

    def _pass(self, model: Segmenter, images: list[Tensor], axis: int | None, batch_size: int) -> Iterator[_Answer]:
        """The answers of a model to some images, on the CPU."""
        batches = predict(
            model,
            torch.stack(images),
            batch_size=batch_size,
            axis=axis,
            precision=self.precision,
            with_probabilities=any(metric.needs_probabilities for metric in self.metrics.values()),
        )
        for masks, codes, probabilities, finite in batches:
            here = None if probabilities is None else probabilities.cpu()
            for place, (mask, is_finite) in enumerate(zip(masks.cpu(), finite.tolist(), strict=True)):
                # The slices or windows of a case give one answer, so all codes belong to it.
                of_image = None if codes is None else codes if len(masks) == 1 else codes[place : place + 1]
                yield _Answer(mask, None if here is None else here[place], of_image, is_finite)

    def _rows(self, name: str, model: Segmenter, draw: _Draw, answer: _Answer, batch_size: int) -> Iterator[Row]:
        """The rows of a model's answer to a draw."""
        shared = replace(draw.shared, **of_model(name, model))
        if not answer.finite:
            measured = list(self._unmeasured(draw, replace(shared, status=NO_ANSWER, reason=NOT_FINITE)))
        else:
            measured = list(self._measure(answer.mask, answer.probabilities, draw, shared))
            if self.agreement is not None:
                clean = self.cases(self.entries[draw.piece.case])
                measured += self.agreement.rows(model, clean, answer.mask, shared, batch_size=batch_size)
        for perturbation in draw.names[name]:
            yield from (replace(row, perturbation=perturbation) for row in measured)
        if draw.piece.perturbation == CLEAN and answer.codes is not None and answer.finite:
            yield from _code_usage(answer.codes, model, shared)

    def _measure(self, answer: Tensor, probabilities: Tensor | None, draw: _Draw, shared: Row) -> Iterator[Row]:
        """Rows of the metrics of every label that the truth shows, and rows of the invented parts of other labels."""
        case = draw.case
        voxel = math.prod(case.spacing)
        if probabilities is not None and case.ignored is not None:
            probabilities = probabilities.masked_fill(case.ignored, math.nan)
        for place, (label, predicted, truth) in enumerate(
            zip(case.labels, answer, draw.truths, strict=self.agreement is None)
        ):
            mask = predicted.numpy() if case.ignored is None else (predicted & ~case.ignored).numpy()
            if truth.empty and self.agreement is None:
                volume = float(mask.sum()) * voxel
                yield replace(shared, label=label, metric="invented", value=float(volume > 0))
                yield replace(shared, label=label, metric="invented_volume", value=volume, unit=volume_unit(case))
            if truth.empty:
                continue
            probability = None if probabilities is None else probabilities[place].numpy()
            comparison = Comparison(mask, truth, self.missing, probability)
            status = "ok" if mask.any() else "missed"
            for text, metric in self.metrics.items():
                value = metric.score(comparison)
                yield replace(
                    shared,
                    label=label,
                    metric=text,
                    value=None if math.isnan(value) else value,
                    unit=metric.unit(case.unit),
                    status=status,
                )

    def _unmeasured(self, draw: _Draw, shared: Row) -> Iterator[Row]:
        """The rows of an answer, without a value."""
        if self.agreement is not None:
            yield from self.agreement.unmeasured(draw.case, shared)
        for label, truth in zip(draw.case.labels, draw.truths, strict=self.agreement is None):
            if not truth.empty:
                for text, metric in self.metrics.items():
                    yield replace(shared, label=label, metric=text, unit=metric.unit(draw.case.unit))
            elif self.agreement is None:
                yield replace(shared, label=label, metric="invented")
                yield replace(shared, label=label, metric="invented_volume", unit=volume_unit(draw.case))


def volume_unit(case: Case) -> str:
    """The unit of a volume in a case: mm3, px2, ..."""
    return f"{case.unit}{case.dims}"


def structure_volumes(case: Case) -> dict[str, float]:
    """The volume of each label that the truth of a case shows."""
    voxel = math.prod(case.spacing)
    volumes = zip(case.labels, case.truth.flatten(1).sum(1).tolist(), strict=True)
    return {label: voxels * voxel for label, voxels in volumes if voxels}


def _truths(case: Case) -> list[Truth]:
    """The true mask of each label.

    Raises:
        CaseError: the case has no mask.
    """
    return [Truth(mask.numpy(), case.spacing, case.unit) for mask in case.truth]


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


def _first_alike(images: Sequence[Tensor]) -> list[int]:
    """For each image, the place of the first one that is equal to it."""
    firsts: list[int] = []
    for place, image in enumerate(images):
        alike = (first for first in dict.fromkeys(firsts) if image.equal(images[first]))
        firsts.append(next(alike, place))
    return firsts


def _chunks(draws: Iterator[_Draw], size: int) -> Iterator[list[_Draw]]:
    chunk: list[_Draw] = []
    for draw in draws:
        chunk.append(draw)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
