"""The contract of an analyser, which measures on the latents of one model what explains its robustness."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from jaxtyping import Float
from torch import Tensor

from robustq import registry
from robustq.dataset import Case, Entry
from robustq.errors import RequestError
from robustq.latent.latents import Latent
from robustq.model.segmenter import Segmenter
from robustq.request.names import CLEAN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from robustq.report.grid import Grid


@dataclass(frozen=True)
class Finding:
    """One measured value. The run adds the model, the case and the perturbation, and stores it as a row
    (`robustq.results.rows.Row`).

    Attributes:
        metric: name of the measured quantity.
        value: the value; None where there is none, and then `reason` says why.
        label: the code, element or token that the value belongs to; "" where it belongs to the whole.
        unit: unit of the value.
        entry: the case that the value belongs to, where the piece does not say it; None for a value of all cases.
        domain: the domain that a value of several cases belongs to; "" for all domains.
        perturbation: the perturbation that the value was measured under, where the piece does not say it.
        draw: number of the draw that the value belongs to; None for a value over all draws.
        reason: why there is no value, or what the value means in words.
        for_figure: whether only a figure needs the value, such as the position of a point. Its row has the status
            "figure"; means, tables and summaries leave it out.
    """

    metric: str
    value: float | None
    label: str = ""
    unit: str = ""
    entry: Entry | None = None
    domain: str = ""
    perturbation: str = CLEAN
    draw: int | None = None
    reason: str = ""
    for_figure: bool = False


@dataclass(frozen=True)
class TableFigure:
    """A figure of a table with its interval, in full precision; the table prints it rounded.

    Attributes:
        model: name of the model.
        perturbation: name of the perturbation.
        level: percent.
        figure: name of the figure, such as "aurc".
        value: the figure; NaN where there is none.
        low: lower end of its interval, or its one-sided bound; NaN where there is none.
        high: upper end of its interval; NaN where there is none.
        signal: the signal that the figure is about; "" where there is a single one.
    """

    model: str
    perturbation: str
    level: float
    figure: str
    value: float
    low: float
    high: float = math.nan
    signal: str = ""


@dataclass(frozen=True)
class Draws:
    """Some draws of one case under one perturbation at one level.

    Attributes:
        first: number of the first of these draws.
        latent: latent of the perturbed images; `latent.output` holds the model's answer if the analyser needs it.
        predicted: J·δ of every token and draw, (N, P, D); None unless the analyser needs it.
        cases: the perturbed cases, with the truth moved along where the perturbation moves it.
        batch_size: number of images, slices or windows that a pass may hold.
    """

    first: int
    latent: Latent
    predicted: Float[Tensor, "n p d"] | None
    cases: Sequence[Case] = ()
    batch_size: int = 1


class AbstractAnalyser(ABC):
    """Measures quantities of one model on its latents.

    The run calls the methods in this order. First it calls `clean` for every clean case, also when it resumes a killed
    run, and then `findings`, which gives the findings on the clean cases. Next come the draws, piece by piece; a piece
    is a case under one perturbation at one level. For each piece the run calls `begin`, then `observe` for some draws
    at a time, then `end`, which gives the piece's findings. Last it calls `conclude`, which gives the findings that
    need the rows of all pieces. What an analyser keeps must not grow with the number of draws.

    An analyser that does not apply to a model, such as a model without a codebook, gives no findings. If only some of
    its quantities do not apply, it gives the others.

    Tables and figures are made from rows: `grids` and `figures` get the rows of a run directory and no analyser, so
    that a run can be printed and drawn again at any time. If a figure needs more than the measured values, the
    analyser gives it as findings with `for_figure`.

    Args:
        model: in evaluation mode.
        setting: what follows the @ in `--check NAME@SETTING`, in the spelling of `canonical_setting`.

    Raises:
        RequestError: the setting is not valid.
    """

    needs_draws: ClassVar[bool] = False
    """Whether the analyser needs draws at all."""

    needs_tangents: ClassVar[bool] = False
    """Whether the analyser needs `Draws.predicted`."""

    needs_output: ClassVar[bool] = False
    """Whether the analyser needs the model's output, so that the decoder is run. Then every latent that `clean`,
    `begin` and `observe` get holds the masks that the model answers with, in `Latent.output`."""

    needs_used_groups: ClassVar[bool] = False
    """Whether the analyser needs `used_groups`."""

    in_all: ClassVar[bool] = True
    """Whether `--check all` asks for the analyser. One that takes thousands of passes for each case is asked for by
    name."""

    used_groups: Set[str] = frozenset()
    """The groups with a case that trained the model, calibrated its codebook or chose its epoch, as far as that is
    known. The run sets it before the first case, if the analyser needs it."""

    own_passes: int = 0
    """Number of whole passes that the analyser makes itself for each draw, besides those of the latents."""

    own_draws: ClassVar[int | None] = None
    """Number of draws of a piece, the first ones, for which it makes them; None for every draw."""

    verdict_metric: ClassVar[str | None] = None
    """The metric of the finding whose `reason` is the verdict on a model; None for an analyser without a verdict.

    An analyser with a verdict runs in every analysis, even if the user did not ask for it, and before the others. Its
    `findings` give one finding of this metric, and the verdict stands at the head of every table."""

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        if setting:
            place = f"{type(self).__module__}:{type(self).__qualname__}"
            name = next((item.name for item in registry.items("analysers") if item.value == place), "this check")
            raise RequestError(f"{name} takes no setting, and @{setting} was given: leave out the @ and what follows")
        self.model = model

    @classmethod
    def canonical_setting(cls, setting: str) -> str:
        """The one spelling of a setting, so that `taylor@90.0` and `taylor@90` are one check.

        Args:
            setting: what follows the @; "" where nothing follows.

        Returns:
            The spelling; "" also for a setting that means the same as no setting.

        Raises:
            RequestError: the setting is not valid; the constructor may raise this instead.
        """
        return setting

    @classmethod
    def setting_notes(cls, setting: str) -> Sequence[str]:
        """What a setting means for the figures, as notes under the first table of this analyser.

        Args:
            setting: what follows the @; "" where nothing follows.
        """
        return ()

    @abstractmethod
    def clean(self, case: Case, latent: Latent) -> None:
        """Add one unperturbed case; its latent has N = 1."""

    def findings(self) -> Iterable[Finding]:
        """The findings on all clean cases together."""
        return ()

    def begin(self, case: Case, latent: Latent) -> None:
        """Begin a piece, given its clean case and the latent of that case."""
        return

    def observe(self, draws: Draws) -> None:
        """Add some of the piece's draws."""
        return

    def end(self) -> Iterable[Finding]:
        """End the piece and give its findings."""
        return ()

    def conclude(self, rows: pd.DataFrame) -> Iterable[Finding]:
        """Findings that can only be computed once all pieces of this model are done.

        Args:
            rows: this model's rows of all pieces (columns as in `robustq.results.rows.Row`), without the rows that only
                a figure needs.
        """
        return ()

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """What the rows say, in one sentence for each model that they say something of; printed before all tables.

        Args:
            rows: as `grids` gets them.
            models: as `grids` gets them.
        """
        return ()

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> "Sequence[Grid]":
        """Tables with all models side by side. The first one is the summary; the others are details.

        Args:
            rows: the rows of a whole analysis, without the rows that only a figure needs.
            models: the models in the order of the table.
            sample: the sample that was measured, in words for titles.
        """
        return ()

    @classmethod
    def table_figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[TableFigure]:
        """The figures of the first table that have an interval, for the summary of an analysis.

        Args:
            rows: as `grids` gets them.
            models: as `grids` gets them.
        """
        return ()

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """Figures by file name, from rows alone. A figure whose rows are missing is left out.

        Args:
            rows: the rows of a whole analysis, with the rows that only a figure needs.
            models: the models in the order of the figure.
        """
        return {}

    @classmethod
    def missing_figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """The file names of the figures that cannot be drawn because an earlier version did not store their rows.

        Args:
            rows: as `figures` gets them.
            models: as `figures` gets them.
        """
        return ()
