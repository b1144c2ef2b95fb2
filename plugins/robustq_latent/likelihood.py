"""The analyser `likelihood`: does a prior over codes tell perturbed images, and bad answers, from others?"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from jaxtyping import Float
from torch import Tensor

from robustq.analyser import AbstractAnalyser, Draws, Finding, TableFigure
from robustq.dataset import Case, Entry
from robustq.latent.code_nats import code_nats
from robustq.latent.latents import Latent
from robustq.model.predict import BATCH
from robustq.model.segmenter import Segmenter
from robustq.network.memory import with_smaller_batches
from robustq.report.grid import Grid
from robustq.scoring.mean_dice import mean_dice
from robustq_latent.code_maps import map_findings
from robustq_latent.likelihood_tables import (
    DICE,
    NATS,
    THRESHOLD_USED,
    TOKEN,
    likelihood_conclusions,
    likelihood_grids,
    likelihood_table_figures,
)
from robustq_latent.threshold import THRESHOLD, canonical_threshold

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Likelihood(AbstractAnalyser):
    """How improbable a model's prior finds the codes of clean and perturbed images.

    A model with a prior over its codes (`robustq train --prior`) gives each image nats a token: the mean of -log p of
    its codes, each after the codes before it. Tested is whether they tell perturbed images from clean ones, and answers
    with a low Dice from others, one level at a time (docs/definitions.md, Prior over codes). A model without a prior
    gives no figures.

    The setting is the Dice below which an answer is a failure: likelihood@0.5; 0.8 without one.
    """

    needs_draws: ClassVar[bool] = True
    needs_output: ClassVar[bool] = True

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model)
        self._threshold = float(self.canonical_setting(setting) or THRESHOLD)
        self._clean: list[Finding] = []
        self._drawn: list[Finding] = []
        self._pictured = ""
        """The case whose maps are stored: the first one."""

    @classmethod
    def canonical_setting(cls, setting: str) -> str:
        """The Dice, such as 0.5; "" for 0.8.

        Raises:
            RequestError: it is no number above 0 and at most 1.
        """
        return canonical_threshold(setting, "likelihood")

    def clean(self, case: Case, latent: Latent) -> None:
        """Measure the nats and the Dice of one unperturbed case."""
        self._pictured = self._pictured or case.entry.id
        measured, _ = with_smaller_batches(
            lambda size: self._measure([case], latent, 0, size, case.entry), BATCH[self.model.spec.dims]
        )
        self._clean += measured

    def findings(self) -> Iterable[Finding]:
        """The nats and Dice of the clean cases, the number of codes, and the threshold of a failure."""
        if self.model.prior is None:
            return
        yield Finding(THRESHOLD_USED, self._threshold)
        yield Finding("prior_codes", float(self.model.prior.size))
        yield from self._clean

    def begin(self, case: Case, latent: Latent) -> None:
        """Begin a piece."""
        self._drawn = []

    def observe(self, draws: Draws) -> None:
        """Measure the nats and the Dice of some draws."""
        self._drawn += self._measure(draws.cases, draws.latent, draws.first, draws.batch_size)

    def end(self) -> Iterable[Finding]:
        """End the piece and give the nats and the Dice of each draw."""
        return self._drawn

    def _measure(
        self, cases: Sequence[Case], latent: Latent, first: int, batch_size: int, entry: Entry | None = None
    ) -> list[Finding]:
        """The nats and the Dice of the answers to some draws; no Dice where the truth has none or an answer is not
        finite."""
        if self.model.prior is None:
            return []
        assert latent.output is not None, "the class asks for it"
        nats = code_nats(self.model.prior, latent, self.model.spec.dims, batch_size=batch_size)
        findings = []
        for draw, (case, masks, of_tokens) in enumerate(zip(cases, latent.output, nats, strict=True), start=first):
            findings.append(Finding(NATS, float(of_tokens.mean()), unit="nats", entry=entry, draw=draw))
            dice = mean_dice(masks.cpu(), case) if latent.answered else math.nan
            if not math.isnan(dice):
                findings.append(Finding(DICE, dice, entry=entry, draw=draw))
            if draw == 0 and case.entry.id == self._pictured:
                findings += map_findings(TOKEN, middle_map(of_tokens, latent.grid), entry, draw)
        return findings

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """How well the nats tell perturbed images and bad answers at the highest level of the perturbation that they
        tell best."""
        return likelihood_conclusions(rows, models)

    @classmethod
    def table_figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[TableFigure]:
        """The figures of the table in full precision."""
        return likelihood_table_figures(rows, models)

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """One table: nats a token and both AUROC by level, with intervals."""
        return likelihood_grids(rows, models, sample=sample)

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """The nats of each token of the first case, clean and at each level: a figure for each model and
        perturbation."""
        from robustq_latent.likelihood_figure import likelihood_figures

        return likelihood_figures(rows, models)


def middle_map(nats: Float[Tensor, " p"], grid: Sequence[int]) -> Float[Tensor, "h w"]:
    """The values of the tokens on their grid; of slices, windows and layers the middle one."""
    values: Tensor = nats.unflatten(0, tuple(grid))
    while values.ndim > 2:
        values = values[len(values) // 2]
    return values
