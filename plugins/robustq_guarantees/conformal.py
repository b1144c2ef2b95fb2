"""The analyser `conformal`: a threshold that promises a false negative rate, and the level that breaks the promise."""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from robustq.analyser import AbstractAnalyser, Draws, Finding, TableFigure
from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.latent.latents import Latent
from robustq.model.predict import BATCH, NOT_FINITE, Answers, predict
from robustq.model.segmenter import Segmenter
from robustq.network.memory import with_smaller_batches
from robustq.report.grid import Grid
from robustq.report.numbers import count
from robustq_guarantees.conformal_tables import (
    CLEAN_RATES,
    RATES,
    conformal_conclusions,
    conformal_grids,
    conformal_table_figures,
)
from robustq_guarantees.settings import parse_numbers, spelled
from robustq_guarantees.threshold import (
    CaseProbabilities,
    calibrate,
    fewest_groups,
    rates,
    split_groups,
    true_probabilities,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFAULTS = {"fnr": 0.1, "seed": 0.0}
"""The promised rate, and the seed that splits the groups."""


class Conformal(AbstractAnalyser):
    """Promises a false negative rate by a calibrated threshold, and finds the level at which the promise breaks.

    Half of the groups calibrate the threshold on clean images; on the other half, the rate is measured on clean images
    and on the first 4 draws of every piece, each in one more pass (docs/definitions.md, Conformal). Groups that trained
    the model or chose its epoch are in neither half.

    The setting is the promised rate, and the seed of the split: conformal@fnr=0.05:seed=1. By default fnr is 0.1, and
    seed is 0.
    """

    needs_draws: ClassVar[bool] = True
    needs_used_groups: ClassVar[bool] = True
    own_draws: ClassVar[int | None] = 4

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model)
        self.own_passes = 1
        asked = _parse(setting)
        self._fnr, self._seed = asked["fnr"], int(asked["seed"])
        self._cases: dict[str, list[CaseProbabilities]] = {}
        self._unanswered: list[Finding] = []
        self._threshold: float | None = None
        self._tested: frozenset[str] = frozenset()
        self._case: Case | None = None
        self._found: list[Finding] = []

    @classmethod
    def canonical_setting(cls, setting: str) -> str:
        """The rate and the seed where they are not the default, such as fnr=0.05:seed=1.

        Raises:
            RequestError: the rate does not lie between 0 and 1, or the seed is no whole number from 0.
        """
        return spelled(_parse(setting), DEFAULTS)

    def clean(self, case: Case, latent: Latent) -> None:
        """Keep the probabilities at the true voxels of a case that the model has not used before."""
        if case.entry.group in self.used_groups:
            return
        answers, _ = with_smaller_batches(partial(self._answer, case), BATCH[self.model.spec.dims])
        if not bool(answers.finite.all()):
            self._unanswered.append(Finding("conformal_fnr", None, entry=case.entry, reason=NOT_FINITE))
            return
        assert answers.probabilities is not None, "they were asked for"
        labels = true_probabilities(answers.probabilities[0].cpu().numpy(), case)
        if labels:
            self._cases.setdefault(case.entry.group, []).append(labels)

    def findings(self) -> Iterable[Finding]:
        """The promised rate, the numbers of groups, and the threshold, or why there is none."""
        calibrating, tested = split_groups(self._cases, self._seed)
        yield Finding("promised_fnr", self._fnr)
        yield Finding("calibration_groups", float(len(calibrating)))
        yield Finding("test_groups", float(len(tested)))
        yield from self._unanswered
        needed = fewest_groups(self._fnr)
        if len(calibrating) < needed:
            yield Finding(
                "conformal_threshold",
                None,
                reason=f"there {'is' if len(calibrating) == 1 else 'are'} {count(len(calibrating), 'patient')} to "
                f"calibrate on, and an FNR of at most {self._fnr:g} needs {needed}, besides others to test on",
            )
        else:
            self._threshold = calibrate({group: self._cases[group] for group in calibrating}, self._fnr)
            self._tested = frozenset(tested)
            yield Finding("conformal_threshold", self._threshold)
        self._cases = {}  # they would be sent to every process that computes pieces

    def begin(self, case: Case, latent: Latent) -> None:
        """Begin a piece."""
        self._case, self._found = case, []

    def observe(self, draws: Draws) -> None:
        """Measure the rates of those draws that are among the first ones, and once those of the clean case."""
        assert self._case is not None, "begin comes first"
        assert self.own_draws is not None, "this class sets it"
        if self._threshold is None or self._case.entry.group not in self._tested:
            return
        if draws.first == 0:
            self._found += self._measure(self._case, CLEAN_RATES, None, draws.batch_size)
        for number, case in enumerate(draws.cases, start=draws.first):
            if number < self.own_draws:
                self._found += self._measure(case, RATES, number, draws.batch_size)

    def end(self) -> Iterable[Finding]:
        """End the piece and give the rates of the clean case and of each measured draw."""
        return self._found

    def _answer(self, case: Case, batch_size: int) -> Answers:
        """The answer to one case, with its probabilities."""
        (answers,) = predict(
            self.model, case.image[None], batch_size=batch_size, axis=case.slice_axis, with_probabilities=True
        )
        return answers

    def _measure(self, case: Case, metrics: Sequence[str], draw: int | None, batch_size: int) -> list[Finding]:
        """FNR and volume of the masks that the threshold gives, and of the model's own masks.

        Args:
            case: an image with its truth.
            metrics: the names of the four values.
            draw: number of the draw.
            batch_size: number of images, slices or windows in a pass.
        """
        answers = self._answer(case, batch_size)
        if not bool(answers.finite.all()):
            return [Finding(metrics[0], None, draw=draw, reason=NOT_FINITE)]
        assert answers.probabilities is not None, "they were asked for"
        assert self._threshold is not None, "asked before"
        promised = rates((answers.probabilities[0] >= self._threshold).cpu(), case)
        plain = rates(answers.masks[0].cpu(), case)
        if promised is None or plain is None:
            return []
        return [Finding(name, value, draw=draw) for name, value in zip(metrics, (*promised, *plain), strict=True)]

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """Whether the promise holds on clean images, and at which level of each perturbation it breaks."""
        return conformal_conclusions(rows, models)

    @classmethod
    def table_figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[TableFigure]:
        """The figures of the table in full precision."""
        return conformal_table_figures(rows, models)

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """One table: FNR with its lower bound, and the volume of the masks, by level."""
        return conformal_grids(rows, models, sample=sample)

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """FNR against the level with the promise as a line, a panel for each model, a figure for each perturbation."""
        from robustq_guarantees.conformal_figure import conformal_figures

        return conformal_figures(rows, models)


def _parse(setting: str) -> dict[str, float]:
    """The rate and the seed of a setting.

    Raises:
        RequestError: as `Conformal.canonical_setting`.
    """
    asked = parse_numbers(setting, DEFAULTS, "conformal@fnr=0.1")
    if not 0 < asked["fnr"] < 1:
        raise RequestError(f"fnr={asked['fnr']:g} is no rate to promise: give a number between 0 and 1, such as 0.1")
    if asked["seed"] < 0 or not math.isclose(asked["seed"], int(asked["seed"])):
        raise RequestError(f"seed={asked['seed']:g} is no seed: give a whole number from 0")
    return asked
