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


@dataclass(frozen=True)
class Draws:
    """Some draws of one case under one perturbation at one level.

    Attributes:
        first: number of the first of them.
        latent: of the perturbed images.
        predicted: J·δ of every token and draw, (N, P, D); None unless the analyser needs it.
    """

    first: int
    latent: Latent
    predicted: Float[Tensor, "n p d"] | None


class AbstractAnalyser(ABC):
    """Watches the latents of one model.

    First every clean case passes by (`clean`), whatever an earlier, killed run had computed, and `findings` says what
    they show. Then, piece by piece, come the draws of a case under one perturbation at one level: `begin`, then
    `observe` for some draws at a time, then `end`, which gives the piece's findings. At last `conclude` says what
    follows from the rows of all pieces. What is kept must not grow with the number of draws.

    An analyser that has nothing to say about a model, such as one without a codebook, gives no findings; where only
    some quantities do not apply it gives those that do.

    Args:
        model: in evaluation mode.
        setting: what follows the @ in `--check NAME@SETTING`.

    Raises:
        RequestError: the setting is not understood.
    """

    needs_draws: ClassVar[bool] = False
    """Whether draws are to be shown at all."""

    needs_tangents: ClassVar[bool] = False
    """Whether `Draws.predicted` is to be computed."""

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        if setting:
            raise RequestError(f"{type(self).__name__} takes no setting, and {setting!r} was given: leave out the @")
        self.model = model

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
        """What follows from this model's rows of all pieces (columns as in `robustq.results.rows.Row`)."""
        return ()

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> "Sequence[Grid]":
        """Tables with all models side by side.

        Args:
            rows: of a whole analysis.
            models: in the order in which they are to stand.
            sample: what the figures were measured on, for titles.
        """
        return ()

    @classmethod
    def figures(cls, rows: pd.DataFrame, analysers: "Mapping[str, AbstractAnalyser]") -> "Mapping[str, Figure]":
        """Figures by file name, from the rows of an analysis and from what each model's analyser has seen."""
        return {}
