"""Does the first-order bound hold, and whom does it call safe (equation 4)?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import Case, Entry
from robustq.errors import RequestError
from robustq.geometry import margins, nearest_codes, radii
from robustq.latent import Latent
from robustq.report.grid import Grid
from robustq.report.numbers import number, percent
from robustq.report.values import Values
from robustq.segmenter import Segmenter
from robustq_latent.space import space_findings, space_notes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TOKENS = 8
"""Tokens of each piece's first draw that are kept one by one, for the figure."""

CRITERIA = ("r", "r_k", "margin")
"""What a predicted shift is compared with."""


class Taylor(AbstractAnalyser):
    """Predicts which tokens keep their code under noise, and counts how often the prediction is wrong.

    Predicted shift |Jδ|, true shift and Voronoi margin of every token (definitions: Taylor bound).

    Three criteria call a token safe: the predicted shift is below r (equation 3), below r_k of its code, or below its
    exact margin. How often each is wrong either way is counted. Distances are taken where the quantiser searches; of
    several stages, in the first. Without vectors there are shifts and the linearisation error, and nothing to compare
    them with.

    The setting is the share of tokens, in percent, that must be safe for a level to be called safe; 95 without.
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
        self._piece = _Piece.empty()

    def clean(self, case: Case, latent: Latent) -> None:
        """Remember who the case is."""
        self._entries[case.entry.id] = case.entry

    def findings(self) -> Iterable[Finding]:
        """Where distances are taken, if that must be said."""
        return space_findings(self.model)

    def begin(self, case: Case, latent: Latent) -> None:
        """Where the clean tokens are, and how far from the nearest face."""
        self._piece = _Piece(latent.embedding[0], self._vectors, self._radii)

    def observe(self, draws: Draws) -> None:
        """Count whom each criterion called safe, and who flipped."""
        assert draws.predicted is not None, "tangents were asked for"
        self._piece.add(draws.latent.embedding, draws.predicted)

    def end(self) -> Iterable[Finding]:
        """Shares, counts and errors of the piece."""
        return self._piece.findings()

    def conclude(self, rows: pd.DataFrame) -> Iterable[Finding]:
        """The largest safe level of each case: it and all lower levels tested have the asked share of safe tokens."""
        shares = rows[rows["metric"] == "safe_by_margin"].sort_values("level")
        for (perturbation, case), part in shares.groupby(["perturbation", "case"], sort=False):
            largest = 0.0
            for level, share in zip(part["level"], part["value"], strict=True):
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
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """The shifts beside the criteria; how often these are wrong; the largest safe level."""
        values = Values(rows[rows["metric"].isin([metric for metric, _ in _SHIFTS])])
        shifts = [
            (
                perturbation,
                [
                    [model, percent(level), *_shift_cells(values, model, perturbation, level)]
                    for model in models
                    for level in values.levels
                ],
            )
            for perturbation in values.perturbations
        ]
        found = [
            Grid(
                f"Taylor bound on {sample}",
                ["model", "level", *(title for _, title in _SHIFTS)],
                shifts,
                [
                    "mean ± sd over groups of means over draws and tokens; Jδ: shift predicted by the first-order "
                    "term; Δ: true shift; r: equation 3; r_k: of the token's code; m: the token's exact margin; flips: "
                    "share of tokens whose code changes",
                    *space_notes(rows),
                ],
            )
        ]
        quantised = [model for model in models if "safe_by_margin" in set(rows[rows["model"] == model]["metric"])]
        if quantised:
            found += [_error_grid(rows, quantised, values, sample), _level_grid(rows, quantised, sample)]
        return found

    @classmethod
    def figures(cls, rows: pd.DataFrame, analysers: "Mapping[str, AbstractAnalyser]") -> "Mapping[str, Figure]":
        """Predicted against true shift with the margin line, a figure a model."""
        from robustq_latent.taylor_figures import shift_figure

        return {f"taylor-{model}": shift_figure(rows[rows["model"] == model]) for model in analysers}


_SHIFTS = (
    ("predicted_shift", "|Jδ|"),
    ("true_shift", "|Δ|"),
    ("linearisation_error", "|Δ-Jδ| / |Δ|"),
    ("finite_margin", "m"),
    ("safe_by_r", "|Jδ| < r"),
    ("safe_by_r_k", "|Jδ| < r_k"),
    ("safe_by_margin", "|Jδ| < m"),
    ("token_flip_rate", "flips"),
)


class _Piece:
    """The counts of one case under one perturbation at one level."""

    def __init__(
        self,
        tokens: Float[Tensor, "p d"],
        vectors: Float[Tensor, "k d"] | None,
        every_radius: Float[Tensor, " k"] | None,
    ) -> None:
        self._clean = tokens
        self._vectors = vectors
        self._count = self._draws = 0
        self._predicted = self._true = 0.0
        self._errors: list[float | None] = []
        self._flips = 0
        self._wrong: dict[str, int] = {}
        self._sample: list[Finding] = []
        self._bounds: dict[str, Float[Tensor, " p"]] = {}
        if vectors is not None and every_radius is not None and len(tokens):
            self._codes = nearest_codes(tokens, vectors)
            count = len(vectors)
            r = float(every_radius.sum()) / (count - 1) if count > 1 else torch.inf
            self._bounds = {
                "r": torch.full_like(every_radius[self._codes], r),
                "r_k": every_radius[self._codes],
                "margin": margins(tokens, vectors),
            }

    @classmethod
    def empty(cls) -> "_Piece":
        """Before the first piece."""
        return cls(torch.zeros(0, 1), None, None)

    def add(self, moved: Float[Tensor, "n p d"], predicted: Float[Tensor, "n p d"]) -> None:
        change = moved.double() - self._clean.double()
        true, told = change.norm(dim=2), predicted.double().norm(dim=2)  # (N, P)
        if not self._draws:
            self._sample = list(self._tokens(true[0], told[0]))
        self._draws += len(moved)
        self._count += true.numel()
        self._predicted += float(told.sum())
        self._true += float(true.sum())
        misses = (change - predicted.double()).flatten(1).norm(dim=1)
        for miss, length in zip(misses.tolist(), change.flatten(1).norm(dim=1).tolist(), strict=True):
            self._errors.append(miss / length if length > 0 else None)
        if self._vectors is None:
            return
        flipped = nearest_codes(moved.flatten(0, 1), self._vectors).view(true.shape) != self._codes
        self._flips += int(flipped.sum())
        for name, bound in self._bounds.items():
            self._judge(name, told < bound, flipped)
            # A true shift below the margin cannot flip; one below r_k can, and definitions.md says why.
            self._add(f"within:{name}", true < bound)
            self._add(f"within_flipped:{name}", (true < bound) & flipped)

    def _judge(self, name: str, safe: Bool[Tensor, "n p"], flipped: Bool[Tensor, "n p"]) -> None:
        self._add(f"safe:{name}", safe)
        self._add(f"safe_flipped:{name}", safe & flipped)
        self._add(f"unsafe:{name}", ~safe)
        self._add(f"unsafe_stayed:{name}", ~safe & ~flipped)

    def _add(self, name: str, which: Bool[Tensor, "n p"]) -> None:
        self._wrong[name] = self._wrong.get(name, 0) + int(which.sum())

    def _tokens(self, true: Float[Tensor, " p"], told: Float[Tensor, " p"]) -> Iterator[Finding]:
        """Some tokens of the first draw, evenly spaced."""
        for token in range(0, len(true), max(1, len(true) // TOKENS)):
            label = str(token)
            yield Finding("token_predicted_shift", float(told[token]), label=label, draw=0)
            yield Finding("token_true_shift", float(true[token]), label=label, draw=0)
            if self._bounds:
                yield Finding("token_margin", float(self._bounds["margin"][token]), label=label, draw=0)

    def findings(self) -> Iterator[Finding]:
        yield Finding("predicted_shift", self._predicted / self._count)
        yield Finding("true_shift", self._true / self._count)
        for draw, error in enumerate(self._errors):
            reason = "no shift" if error is None else ""
            yield Finding("linearisation_error", error, draw=draw, reason=reason)
        if self._bounds:
            margin = self._bounds["margin"]
            finite = margin[margin.isfinite()]
            yield Finding("finite_margin", float(finite.mean()) if len(finite) else None)
            yield Finding("token_flip_rate", self._flips / self._count)
            for name in CRITERIA:
                yield Finding(f"safe_by_{name}", self._wrong[f"safe:{name}"] / self._count)
            for name, count in self._wrong.items():
                yield Finding(name, float(count))
        yield from self._sample


def _percentage(setting: str) -> float:
    try:
        share = float(setting or 95)
    except ValueError:
        share = -1.0
    if not 0 < share <= 100:
        raise RequestError(f"taylor@{setting} is no share of tokens: give a percentage, as in taylor@95")
    return share


def _shift_cells(values: Values, model: str, perturbation: str, level: float) -> list[str]:
    return [
        values.cell(model, metric, perturbation, level, 3 if metric.startswith(("safe", "token")) else None)
        for metric, _ in _SHIFTS
    ]


def _error_grid(rows: pd.DataFrame, models: Sequence[str], values: Values, sample: str) -> Grid:
    """False-safe and false-unsafe rates, pooled over cases and draws, with their counts."""
    counts = rows[rows["metric"].str.contains(":")]
    pooled = counts.groupby(["model", "perturbation", "level", "metric"])["value"].sum()
    sections = []
    for perturbation in values.perturbations:
        lines = []
        for model in models:
            for level in values.levels:
                found = pooled[model, perturbation, level]
                cells = [
                    _rate(found[f"{part}:{name}"], found[f"{whole}:{name}"])
                    for name in CRITERIA
                    for part, whole in (("safe_flipped", "safe"), ("unsafe_stayed", "unsafe"))
                ]
                broken = [f"{found[f'within_flipped:{name}']:.0f}" for name in ("r_k", "margin")]
                lines.append([model, percent(level), *cells, *broken])
        sections.append((perturbation, lines))
    titles = [f"{what} by {name}" for name in ("r", "r_k", "m") for what in ("false-safe", "false-unsafe")]
    notes = [
        "false-safe: flipped among those the criterion |Jδ| < bound calls safe; false-unsafe: stayed among those it "
        "calls unsafe; tokens of all cases and draws pooled",
        "last columns: tokens that flipped though their true shift was below r_k, which is no guarantee, or below m, "
        "which is one",
    ]
    header = ["model", "level", *titles, "flipped, |Δ| < r_k", "flipped, |Δ| < m"]
    return Grid(f"Errors of the three criteria on {sample}", header, sections, notes)


def _rate(part: float, whole: float) -> str:
    return f"{number(part / whole)} ({part:.0f} of {whole:.0f})" if whole else "– (0 of 0)"


def _level_grid(rows: pd.DataFrame, models: Sequence[str], sample: str) -> Grid:
    """How many cases are safe up to which level."""
    largest = rows[rows["metric"] == "largest_safe_level"]
    levels = [0.0, *sorted(rows[rows["level"] > 0]["level"].unique())]
    sections = []
    for perturbation, part in largest.groupby("perturbation", sort=False):
        lines = []
        for model in models:
            own = part[part["model"] == model]["value"]
            lines.append([model, *(str(int((own == level).sum())) for level in levels), number(own.median(), 0)])
        sections.append((str(perturbation), lines))
    header = ["model", *(percent(level) for level in levels), "median"]
    notes = ["cases by the largest tested level at which it and all lower ones have the asked mean share |Jδ| < m"]
    return Grid(f"Largest safe level on {sample}", header, sections, notes)
