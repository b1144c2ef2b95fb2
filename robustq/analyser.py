"""The contract of an analyser: what the latents of one model say about its robustness."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from jaxtyping import Float
from torch import Tensor

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
    """One measured value. Together with what it was measured on it becomes a row (`robustq.results.rows.Row`).

    Attributes:
        metric: what was measured.
        value: None where there is none; `reason` says why.
        label: what it belongs to: a code, an element, a token; "" for the whole.
        unit: of the value.
        entry: the case it belongs to, where that does not follow from the piece; None for all cases.
        domain: the domain it belongs to, where it is of several cases; "" for all.
        perturbation: what it was measured under, where that does not follow from the piece.
        draw: the draw it belongs to; None for what was measured over all draws.
        reason: why there is no value, or what the value means in words.
        for_figure: whether only a figure needs the value, such as the place of a point. Its row has the status
            "figure" and is part of no mean, no table and no summary.
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
class Draws:
    """Some draws of one case under one perturbation at one level.

    Attributes:
        first: number of the first of them.
        latent: of the perturbed images, with the model's answer in `latent.output` where the analyser needs it.
        predicted: J·δ of every token and draw, (N, P, D); None unless the analyser needs it.
    """

    first: int
    latent: Latent
    predicted: Float[Tensor, "n p d"] | None


class AbstractAnalyser(ABC):
    """Watches the latents of one model.

    The run shows an analyser every clean case (`clean`), also when it resumes a killed run, and then asks what they
    show (`findings`). Next come the draws, piece by piece; a piece is a case under one perturbation at one level:
    `begin`, then `observe` for some draws at a time, then `end`, which gives the piece's findings. Last, `conclude`
    says what follows from the rows of all pieces. What an analyser keeps must not grow with the number of draws.

    An analyser that has nothing to say about a model, such as one without a codebook, gives no findings. Where only
    some quantities do not apply, it gives the others.

    Tables and figures are views of rows: `grids` and `figures` get the rows of a run directory and no analyser, so
    that a run can be printed and drawn again at any time. What a figure needs beyond the measured values is a finding
    with `for_figure`.

    Args:
        model: in evaluation mode.
        setting: what follows the @ in `--check NAME@SETTING`, in the spelling of `canonical_setting`.

    Raises:
        RequestError: the setting is not understood.
    """

    needs_draws: ClassVar[bool] = False
    """Whether draws are to be shown at all."""

    needs_tangents: ClassVar[bool] = False
    """Whether `Draws.predicted` is to be computed."""

    needs_output: ClassVar[bool] = False
    """Whether the analyser is given the model's output, that is, whether the decoder is run. Then every latent that it
    is shown, in `clean`, `begin` and `observe`, has the masks that the model answers with in `Latent.output`."""

    verdict_metric: ClassVar[str | None] = None
    """The metric of the finding whose `reason` is the verdict on a model, for an analyser that gives one.

    Such an analyser runs in every analysis, asked for or not, and before the others. Its `findings` give one such
    finding, which heads every table."""

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        if setting:
            raise RequestError(f"{type(self).__name__} takes no setting, and {setting!r} was given: leave out the @")
        self.model = model

    @classmethod
    def canonical_setting(cls, setting: str) -> str:
        """The one spelling of a setting, so that `taylor@90.0` and `taylor@90` are one check.

        Args:
            setting: what follows the @; "" where nothing does. What stands for the same as no setting is "".

        Raises:
            RequestError: the setting is not understood; the constructor may say so instead.
        """
        return setting

    @abstractmethod
    def clean(self, case: Case, latent: Latent) -> None:
        """Take notice of a clean case; its latent has N = 1."""

    def findings(self) -> Iterable[Finding]:
        """What all clean cases together say."""
        return ()

    def begin(self, case: Case, latent: Latent) -> None:
        """A piece begins: the clean case it is about, with its latent."""
        return

    def observe(self, draws: Draws) -> None:
        """Some of the piece's draws."""
        return

    def end(self) -> Iterable[Finding]:
        """The piece's findings."""
        return ()

    def conclude(self, rows: pd.DataFrame) -> Iterable[Finding]:
        """What follows from this model's rows of all pieces (columns as in `robustq.results.rows.Row`).

        Rows that only a figure needs are not among them.
        """
        return ()

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> "Sequence[Grid]":
        """Tables with all models side by side.

        Args:
            rows: of a whole analysis, without those that only a figure needs.
            models: in the order in which they are to stand.
            sample: what the figures were measured on, for titles.
        """
        return ()

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """Figures by file name, from rows alone. A figure whose rows are missing is left out.

        Args:
            rows: of a whole analysis, with those that only a figure needs.
            models: in the order in which they are to stand.
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
