"""Computes the rows of a stress run from batches of pieces."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, islice

from robustq.errors import CaseError
from robustq.results.rows import Row, of_model
from robustq.run.fitting_rows import FittingRows
from robustq.run.plan import Piece
from robustq.run.quality_rows import quality_rows
from robustq.run.stress_answers import Answerer
from robustq.run.stress_draws import Draw, DrawMaker
from robustq.run.stress_rows import Scorer


@dataclass(frozen=True)
class Evaluator:
    """Shows every draw to every model and measures the answers.

    The draws of a batch are made once, at most a batch size at a time; one at a time where the models have a patch.

    Attributes:
        draw_maker: makes the draws.
        answerer: shows them to the models.
        scorer: turns answers into rows.
        with_quality: whether each draw has rows of its image quality too.
        severities: for the case, perturbation and level of a piece, the targets that it stands for in the rows; empty
            if levels were asked for.
    """

    draw_maker: DrawMaker
    answerer: Answerer
    scorer: Scorer
    with_quality: bool = False
    severities: Mapping[tuple[str, str, float], Sequence[str]] = field(default_factory=dict)
    _fitting: FittingRows = field(default_factory=FittingRows, repr=False)

    def __call__(self, batch: Sequence[Piece]) -> list[Row]:
        """The rows of a batch, in the order of pieces, draws, models, labels and metrics."""
        rows: list[Row] = []
        # The windows of one draw fill the batches, and several draws of a large volume would fill the memory.
        patch = self.draw_maker.subjects.cases.preparation.patch
        for chunk in _chunks(self.draw_maker(batch), self.answerer.batch_size if patch is None else 1):
            for (_, failure), alike in groupby(chunk, key=lambda draw: (draw.case.image.shape, draw.failure)):
                draws = list(alike)
                rows += self.scorer.failed(draws, failure) if failure else self._answered(draws)
                rows += self._quality(draws) if self.with_quality and not failure else []
        if not self.severities:
            return rows
        return [
            replace(row, severity=target)
            for row in rows
            for target in self.severities.get((row.case, row.perturbation, row.level), [""])
        ]

    def _answered(self, draws: Sequence[Draw]) -> list[Row]:
        """The rows of the answers to some draws, in batches that fit in memory."""
        try:
            return self._fitting(lambda size: self._scored(draws, size), self.answerer.batch_sizes)
        except CaseError as error:
            if len(draws) > 1:  # one of them may be the only one that does not fit
                return [row for draw in draws for row in self._answered([draw])]
            return self.scorer.failed(draws, str(error))

    def _scored(self, draws: Sequence[Draw], batch_size: int) -> Iterator[Row]:
        for name, draw, answer in self.answerer(draws, batch_size):
            with self.answerer.stopwatch.stage("score"):
                yield from self.scorer.rows(name, draw, answer, batch_size)

    def _quality(self, draws: Sequence[Draw]) -> list[Row]:
        """The rows of the image quality of some draws above level 0."""
        rows: list[Row] = []
        with self.answerer.stopwatch.stage("score"):
            for draw in draws:
                if not draw.is_clean:
                    attacked = of_model(draw.attacked, self.answerer.models[draw.attacked]) if draw.attacked else {}
                    rows += quality_rows(draw.clean, draw.case, replace(draw.shared, **attacked))
        return rows


def _chunks(draws: Iterable[Draw], size: int) -> Iterator[list[Draw]]:
    """The draws, so many at a time."""
    remaining = iter(draws)
    while chunk := list(islice(remaining, size)):
        yield chunk
