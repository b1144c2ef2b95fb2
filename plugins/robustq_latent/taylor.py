"""The analyser `taylor`: which tokens each criterion of the Taylor bound calls safe, and its error rate.

The bound is equation 4 of the paper: a token keeps its code while its first-order shift is below the radius.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import Case, Entry
from robustq.errors import RequestError
from robustq.geometry import radii
from robustq.latent.latents import Latent
from robustq.model.segmenter import Segmenter
from robustq.report.grid import Grid
from robustq.report.numbers import percent
from robustq_latent.space import space_findings
from robustq_latent.taylor_conclusions import taylor_conclusions
from robustq_latent.taylor_piece import TaylorPiece
from robustq_latent.taylor_tables import taylor_grids

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE = 95.0
"""Share of tokens, in percent, that must be safe if no setting is given."""


class Taylor(AbstractAnalyser):
    """Predicts which tokens keep their code under noise, and counts how often the prediction is wrong.

    It measures the predicted shift |Jδ|, the true shift and the Voronoi margin of every token (docs/definitions.md,
    Taylor bound).

    There are three criteria. A token is safe if its predicted shift is below r (equation 3), below r_k of its code, or
    below its exact margin. For each criterion two errors are counted: tokens that it calls safe and that flip, and
    tokens that it calls unsafe and that stay. Distances are measured in the space where the quantiser searches, and in
    the first stage if there are several. A model without vectors has only shifts and the linearisation error.

    The setting is the share of tokens, in percent, that must be safe for a level to be called safe; 95 by default.
    """

    needs_draws: ClassVar[bool] = True
    needs_tangents: ClassVar[bool] = True

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model)
        self.share = _percentage(setting)
        self._entries: dict[str, Entry] = {}
        vectors = None if model.quantiser is None else model.quantiser.vectors
        self._vectors = None if vectors is None else vectors[0].detach()
        self._radii = None if self._vectors is None else radii(self._vectors)
        self._piece = TaylorPiece.empty()

    @classmethod
    def canonical_setting(cls, setting: str) -> str:
        """The percentage without superfluous digits; "" for the default."""
        share = _percentage(setting)
        return "" if share == SHARE else f"{share:.12g}"

    @classmethod
    def setting_notes(cls, setting: str) -> Sequence[str]:
        """The share of tokens that must be safe."""
        return [f"Enough tokens for the largest safe level: at least {percent(_percentage(setting))} of them."]

    def clean(self, case: Case, latent: Latent) -> None:
        """Store the name and group of one unperturbed case; `conclude` needs them."""
        self._entries[case.entry.id] = case.entry

    def findings(self) -> Iterable[Finding]:
        """A note on the space in which distances are measured, if it is not the embedding space."""
        return space_findings(self.model)

    def begin(self, case: Case, latent: Latent) -> None:
        """Begin a piece: store the tokens of its unperturbed case, and compute the radius and the margin of each."""
        self._piece = TaylorPiece(latent.embedding[0], self._vectors, self._radii)

    def observe(self, draws: Draws) -> None:
        """Count the tokens that each criterion calls safe, and those that flip."""
        assert draws.predicted is not None, "needs_tangents is set"
        self._piece.add(draws.latent.embedding, draws.predicted)

    def end(self) -> Iterable[Finding]:
        """Shares, counts and errors of the piece."""
        return self._piece.findings()

    def conclude(self, rows: pd.DataFrame) -> Iterable[Finding]:
        """The largest safe level of each case: there and at all lower levels, the required share of tokens is safe."""
        shares = rows[rows["metric"] == "safe_by_margin"].sort_values("level")
        for (perturbation, case), case_shares in shares.groupby(["perturbation", "case"], sort=False):
            largest = 0.0
            for level, share in zip(case_shares["level"], case_shares["value"], strict=True):
                if share < self.share / 100:
                    break
                largest = level
            yield Finding(
                "largest_safe_level",
                largest,
                unit="%",
                entry=self._entries[str(case)],
                perturbation=str(perturbation),
            )

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """Whether the first-order prediction can be trusted, and up to which level."""
        return taylor_conclusions(rows, models)

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """A table of the largest safe levels, one of shifts and criteria, one of the errors of the criteria."""
        return taylor_grids(rows, models, sample=sample)

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """Predicted against true shift with the margin line, a figure for each model."""
        from robustq_latent.taylor_figures import shift_figure

        return {f"taylor-{model}": shift_figure(rows[rows["model"] == model]) for model in models}


def _percentage(setting: str) -> float:
    try:
        share = float(setting or SHARE)
    except ValueError:
        share = -1.0
    if not 1 <= share <= 100:
        raise RequestError(f"taylor@{setting} has no share of tokens: give a percentage from 1 to 100, as in taylor@95")
    return share
