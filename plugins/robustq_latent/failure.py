"""The analyser `failure`: which signal tells, without the truth, that an answer is bad."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from jaxtyping import Float
from torch import Tensor

from robustq.analyser import AbstractAnalyser, Draws, Finding, TableFigure
from robustq.dataset import Case, Entry
from robustq.latent.latents import Latent
from robustq.model.predict import BATCH
from robustq.model.segmenter import Segmenter
from robustq.network.memory import with_smaller_batches
from robustq.report.grid import Grid
from robustq.scoring.mean_dice import mean_dice
from robustq_latent.failure_signals import (
    EXTRA_DRAWS,
    NATS,
    agreement,
    answer_to,
    distance_over_margin,
    probability_signals,
)
from robustq_latent.failure_tables import failure_conclusions, failure_grids, failure_table_figures
from robustq_latent.space import space_findings
from robustq_latent.threshold import THRESHOLD, canonical_threshold

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Failure(AbstractAnalyser):
    """Tests which signal tells, without the truth, that an answer is bad.

    The signals are the mean entropy and the mean largest probability near the answer, the agreement of the answers to
    5 noisy copies of the image, the distance of tokens to their codes over their margins, and, where the model has a
    prior, the nats a token of its codes (docs/definitions.md, Calibration and failure). The first 4 draws of a piece
    are measured, each with 6 extra whole passes.

    The setting is the Dice below which an answer is a failure: failure@0.5; 0.8 without one.
    """

    needs_draws: ClassVar[bool] = True
    own_draws: ClassVar[int | None] = 4

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model)
        self.own_passes = 1 + EXTRA_DRAWS
        self._threshold = float(self.canonical_setting(setting) or THRESHOLD)
        vectors = None if model.quantiser is None else model.quantiser.vectors
        self._vectors = None if vectors is None else vectors[0].detach()
        self._clean: list[Finding] = []
        self._drawn: list[Finding] = []

    @classmethod
    def canonical_setting(cls, setting: str) -> str:
        """The Dice, such as 0.5; "" for 0.8.

        Raises:
            RequestError: it is no number above 0 and at most 1.
        """
        return canonical_threshold(setting, "failure")

    def clean(self, case: Case, latent: Latent) -> None:
        """Measure the signals and the Dice of one unperturbed case."""
        tokens = latent.embedding[0]
        measured, _ = with_smaller_batches(
            lambda size: self._measure(case, tokens, 0, size, case.entry), BATCH[self.model.spec.dims]
        )
        self._clean += measured

    def findings(self) -> Iterable[Finding]:
        """The signals and Dice of the clean cases, and the threshold of a failure."""
        yield Finding("failure_threshold", self._threshold)
        yield from self._clean
        yield from space_findings(self.model)

    def begin(self, case: Case, latent: Latent) -> None:
        """Begin a piece."""
        self._drawn = []

    def observe(self, draws: Draws) -> None:
        """Measure the signals and the Dice of those draws that are among the first ones."""
        assert self.own_draws is not None, "this class sets it"
        for place, case in enumerate(draws.cases):
            number = draws.first + place
            if number < self.own_draws:
                self._drawn += self._measure(case, draws.latent.embedding[place], number, draws.batch_size)

    def end(self) -> Iterable[Finding]:
        """End the piece and give the signals and the Dice of each measured draw."""
        return self._drawn

    def _measure(
        self, case: Case, tokens: Float[Tensor, "p d"], draw: int, batch_size: int, entry: Entry | None = None
    ) -> list[Finding]:
        """The signals and the Dice of one answer; nothing where it has no Dice or is not finite."""
        answers = answer_to(self.model, case, batch_size)
        dice = mean_dice(answers.masks[0].cpu(), case)
        if math.isnan(dice) or not bool(answers.finite.all()):
            return []
        assert answers.probabilities is not None, "they were asked for"
        values: dict[str, float | None] = {
            "answer_dice": dice,
            **probability_signals(answers.masks[0], answers.probabilities[0], case.ignored),
            "agreement": agreement(self.model, case, draw, batch_size),
        }
        if self._vectors is not None:
            values["distance_over_margin"] = distance_over_margin(tokens, self._vectors)
        if self.model.prior is not None:
            assert answers.codes is not None, "a model with a prior has codes"
            values[NATS] = float(self.model.prior.nats(answers.codes[:, 0]).mean())
        return [
            Finding(metric, value, unit="nats" if metric == NATS else "", entry=entry, draw=draw)
            for metric, value in values.items()
        ]

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """Which signal has the smallest area under its risk-coverage curve where failures are most."""
        return failure_conclusions(rows, models)

    @classmethod
    def table_figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[TableFigure]:
        """The figures of the table in full precision."""
        return failure_table_figures(rows, models)

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """One table: AURC, E-AURC, AUROC and rank correlation of each signal, by level, with intervals."""
        return failure_grids(rows, models, sample=sample)

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """The risk-coverage curves at the highest level, a panel for each model, a figure for each perturbation."""
        from robustq_latent.failure_figure import failure_figures

        return failure_figures(rows, models)
