"""The analyser `pathways`: how much of the loss of Dice passes through the bottleneck, and how much around it.

Section 2.2 of the paper says that noise also passes by the skips; this measures it.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
import torch

from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.latent.latents import Latent
from robustq.model.predict import NOT_FINITE
from robustq.model.segmenter import Segmenter
from robustq.report.grid import Grid
from robustq.scoring.mean_dice import mean_dice
from robustq_latent.mixed_passes import clean_maps, mixed_answers, skip_answers
from robustq_latent.pathways_tables import pathways_conclusions, pathways_grids

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SKIPS = "skips"
"""The setting that also tries each scale of the skips alone."""

MOVED = "the perturbation moves the truth, so a clean bottleneck would lie elsewhere than the skips"
NO_LABEL = "the truth shows no label"


class Pathways(AbstractAnalyser):
    """Splits the loss of Dice under noise into what passes through the bottleneck and what passes around it.

    The network answers mixed passes: the site's bottleneck comes from the clean image and everything else from the
    perturbed one, or the other way round (docs/definitions.md, Pathways). Two extra whole passes a draw; none for a
    draw in which no code flips, because its mixed passes equal the plain ones.

    The setting `skips` also holds each scale of the skips clean alone, in one more pass for each scale that the site
    gives to the decoder.
    """

    needs_draws: ClassVar[bool] = True
    needs_output: ClassVar[bool] = True

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model)
        self.skips = self.canonical_setting(setting) == SKIPS
        self.own_passes = 2
        self._maps: list[torch.Tensor] = []
        self._case: Case | None = None
        self._clean_codes: torch.Tensor | None = None
        self._clean_dice = math.nan
        self._moved = False
        self._answered = True
        self._dice: list[tuple[float, float, float]] = []
        self._by_skip: list[list[float]] = []

    @classmethod
    def canonical_setting(cls, setting: str) -> str:
        """`skips`, or "" for the bottleneck alone.

        Raises:
            RequestError: another setting.
        """
        if setting not in ("", SKIPS):
            raise RequestError(f"pathways has no setting {setting!r}: ask for pathways, or for pathways@{SKIPS}")
        return setting

    def clean(self, case: Case, latent: Latent) -> None:
        """Nothing is measured on clean cases alone."""

    def begin(self, case: Case, latent: Latent) -> None:
        """Begin a piece: store its clean case, codes and Dice."""
        assert latent.output is not None, "needs_output is set"
        self._maps, self._case, self._clean_codes = [], case, latent.codes
        self._clean_dice = mean_dice(latent.output[0].cpu(), case)
        self._moved, self._answered, self._dice, self._by_skip = False, latent.answered, [], []

    def observe(self, draws: Draws) -> None:
        """Answer the mixed passes of some draws, and measure their Dice."""
        clean, output = self._case, draws.latent.output
        assert clean is not None, "begin comes first"
        assert output is not None, "needs_output is set"
        self._moved = self._moved or any(_differ(drawn, clean) for drawn in draws.cases)
        self._answered = self._answered and draws.latent.answered
        if self._moved or not self._answered or math.isnan(self._clean_dice):
            return
        if not self._maps:
            self._maps = clean_maps(self.model, clean, draws.batch_size, skips=self.skips)
        perturbed = [mean_dice(masks.cpu(), clean) for masks in output]
        kept, exchanged = list(perturbed), [self._clean_dice] * len(perturbed)
        flipped = [place for place in range(len(perturbed)) if self._flips(draws, place)]
        if flipped:
            drawn = [draws.cases[place] for place in flipped]
            mixed = mixed_answers(self.model, clean, drawn, self._maps[-1], draws.batch_size)
            if mixed.held is None or mixed.handed is None:
                self._answered = False
                return
            for place, held, handed in zip(flipped, mixed.held, mixed.handed, strict=True):
                kept[place], exchanged[place] = mean_dice(held, clean), mean_dice(handed, clean)
        self._dice += zip(perturbed, kept, exchanged, strict=True)
        if self.skips:
            for scale in range(len(self._maps) - 1):
                answers = skip_answers(self.model, draws.cases, self._maps[scale], scale, draws.batch_size)
                if answers is None:
                    self._answered = False
                    return
                gains = [mean_dice(masks, clean) - dice for masks, dice in zip(answers, perturbed, strict=True)]
                if scale == len(self._by_skip):
                    self._by_skip.append([])
                self._by_skip[scale] += gains

    def _flips(self, draws: Draws, place: int) -> bool:
        """Whether the bottleneck of a draw differs from the clean one."""
        codes, clean_codes = draws.latent.codes, self._clean_codes
        return codes is None or clean_codes is None or not codes[place].equal(clean_codes[0])

    def end(self) -> Iterable[Finding]:
        """The four Dice values, the loss, its two shares, and what a clean bottleneck restores; means over draws."""
        if not self._answered:
            yield Finding("pathway_loss", None, reason=NOT_FINITE)
            return
        if not self._dice:
            yield Finding("pathway_loss", None, reason=MOVED if self._moved else NO_LABEL)
            return
        perturbed, held, handed = np.array(self._dice).T
        clean = self._clean_dice
        through = ((clean - handed) + (held - perturbed)) / 2
        around = ((clean - held) + (handed - perturbed)) / 2
        for metric, values in {
            "dice_clean": np.full(len(perturbed), clean),
            "dice_perturbed": perturbed,
            "dice_clean_bottleneck": held,
            "dice_perturbed_bottleneck": handed,
            "pathway_loss": clean - perturbed,
            "through_bottleneck": through,
            "around_bottleneck": around,
            "restorable": held - perturbed,
        }.items():
            yield Finding(metric, float(values.mean()))
        for scale, gains in enumerate(self._by_skip, start=1):
            yield Finding(f"restorable_by_skip_{scale}", float(np.mean(gains)))

    @classmethod
    def setting_notes(cls, setting: str) -> Sequence[str]:
        """Where the figures of the skips stand, and how their scales are numbered."""
        if setting != SKIPS:
            return ()
        return [
            "What a clean skip restores stands in the next table (--details); skip 1 is the finest scale. A model "
            "whose site gives only the bottleneck has no such figure."
        ]

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """Where most of the loss passes, and what holding the bottleneck would restore."""
        return pathways_conclusions(rows, models)

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """The loss and its two parts; then what a clean bottleneck, or a clean skip, restores."""
        return pathways_grids(rows, models, sample=sample)

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """The two parts of the loss against the level, a panel for each model, a figure for each perturbation."""
        from robustq_latent.pathways_figure import pathways_figure

        parts = rows[rows["metric"].isin(["through_bottleneck", "around_bottleneck"])]
        return {
            f"pathways-{str(perturbation).replace(':', '-')}": pathways_figure(of_perturbation, models)
            for perturbation, of_perturbation in parts.groupby("perturbation", sort=False)
        }


def _differ(drawn: Case, clean: Case) -> bool:
    """Whether the truth of a draw is another than that of its clean case."""
    return drawn.truth is not clean.truth and not torch.equal(drawn.truth, clean.truth)
