"""The analyser `latent-variance`: three readings of the variance, and the flip rate.

The paper averages the variance in its Table 3 and draws it in its Fig. 2.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
import torch
from torch import Tensor

from robustq.analyser import AbstractAnalyser, Draws, Finding
from robustq.dataset import Case
from robustq.latent.latents import Latent
from robustq.model.segmenter import Segmenter
from robustq.report.grid import Grid
from robustq.report.numbers import percent, significant
from robustq.report.values import Values
from robustq_latent.moments import Moments

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ELEMENTS = 64
"""Number of elements of a latent whose variances are stored one by one, for the heat map."""

RESOLUTION = 1e-12
"""A clean variance below this share of the mean square is not resolved by float32, so it is no denominator."""


class LatentVariance(AbstractAnalyser):
    """How much noise moves the latents at the bottleneck, and how often a token changes its code.

    It measures the variance over draws of z_q, or of the tensor at the same place in a model without a quantiser
    (docs/definitions.md, Latent variance).

    `raw` depends on the scale of a network's latents, and `min-max` on the extremes of a case. `relative` depends on
    neither, so compare models by `relative`. The three can disagree, so all three are reported, with the flip rate if
    there are codes. The decoder is not run, and memory does not depend on the number of draws.
    """

    needs_draws: ClassVar[bool] = True

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model, setting)
        self._case_means = Moments()
        self._within: Tensor = torch.zeros(())
        self._square = 0.0
        self._noise, self._flips, self._tokens = Moments(), 0, 0
        self._clean_codes: Tensor | None = None

    def clean(self, case: Case, latent: Latent) -> None:
        """Add one unperturbed case to the variance over positions and between cases."""
        tokens = Moments()
        tokens.add(latent.quantised[0])
        self._within = self._within + tokens.variance
        self._case_means.add(tokens.mean[None])
        self._square += float(latent.quantised.double().square().mean())

    @property
    def signal(self) -> float:
        """The denominator of `relative`: the clean variance over cases and positions, summed over channels.

        Each case has the same weight, as in the numerator, so that the mean of the cases' figures is the ratio of the
        sums.
        """
        count = self._case_means.count
        total = float((self._within / count + self._case_means.variance).sum())
        channels = self._within.numel()
        return total if total > RESOLUTION * channels * self._square / count else 0.0

    def begin(self, case: Case, latent: Latent) -> None:
        """Start a new piece, and store the clean codes."""
        self._noise, self._flips, self._tokens = Moments(), 0, 0
        self._clean_codes = latent.codes

    def observe(self, draws: Draws) -> None:
        """Add some perturbed images of the piece to its variance over draws, and count the codes that changed."""
        self._noise.add(draws.latent.quantised)
        if draws.latent.codes is not None and self._clean_codes is not None:
            moved = draws.latent.codes.ne(self._clean_codes).any(-1)
            self._flips += int(moved.sum())
            self._tokens += moved.numel()

    def end(self) -> Iterable[Finding]:
        """The three readings, the flip rate, and the variances of some elements."""
        variance = self._noise.variance  # (P, D)
        raw, spread = float(variance.mean()), self._noise.high - self._noise.low
        yield Finding("raw", raw)
        yield _ratio("min-max", raw, spread**2)
        yield _ratio("relative", float(variance.mean(0).sum()), self.signal)
        if self._tokens:
            yield Finding("flip_rate", self._flips / self._tokens)
        flat = variance.flatten()
        for element in _chosen(flat.numel()):
            yield Finding("element_variance", float(flat[element]), label=str(element))

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """How far the strongest noise moves each model's latents, relative to the latents' own variance."""
        values = Values(rows[rows["metric"].isin(_READINGS)])
        sentences = []
        for model in models:
            moved = {
                perturbation: values.mean(model, "relative", perturbation, values.levels[-1])
                for perturbation in values.perturbations
                if not math.isnan(values.mean(model, "relative", perturbation, values.levels[-1]))
            }
            if not moved:
                continue
            worst = max(moved, key=lambda perturbation: moved[perturbation])
            flips = values.mean(model, "flip_rate", worst, values.levels[-1])
            codes = "" if math.isnan(flips) else f", and changes the code of {100 * flips:.3g} % of the tokens"
            sentences.append(
                f"{model}: {worst} of {percent(values.levels[-1])} varies its latents by {significant(moved[worst])} "
                f"times their own variance{codes}."
            )
        return sentences

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """The readings at each level, and their mean over the levels above 0 (Table 3 of the paper)."""
        values = Values(rows[rows["metric"].isin(_READINGS)])
        sections = []
        for perturbation in values.perturbations:
            lines = []
            for model in models:
                for level in (*values.levels, None):
                    cells = [
                        values.cell(model, metric, perturbation, level, 3 if metric == "flip_rate" else None)
                        for metric in _READINGS
                    ]
                    lines.append([model, "mean" if level is None else percent(level), *cells])
            sections.append((perturbation, lines))
        notes = [
            "Each figure: mean ± sd over groups (patients). The line of level mean is the average over the levels "
            "above 0, as in Table 3 of the paper.",
            "raw: the variance over draws, in the squared unit of each network's own latents, so it cannot be compared "
            "between networks.",
            "min-max: raw / (largest - smallest latent)², with both taken over all draws of a case.",
            "relative: raw divided by the variance of the unperturbed latents over positions and images; compare "
            "networks by it.",
            "flip rate: the share of tokens whose code changes.",
        ]
        constant = rows[(rows["metric"] == "relative") & (rows["reason"] != "")]["model"].unique()
        notes += [f"{model}: its latents are constant, so it has no relative variance." for model in constant]
        return [
            Grid(
                f"Latent variance on {sample}",
                ["model", "level", "raw", "min-max", "relative", "flip rate"],
                sections,
                notes,
            )
        ]

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """Fig. 2's heat maps for each perturbation, and the flip rate against the level."""
        from robustq_latent.variance_figures import flip_rate_figure, heat_map

        elements = rows[rows["metric"] == "element_variance"]
        clean = {model: _clean_variance(rows[rows["model"] == model]) for model in models}
        figures = {
            f"latent-variance-{str(perturbation).replace(':', '-')}": heat_map(perturbation_rows, clean)
            for perturbation, perturbation_rows in elements.groupby("perturbation", sort=False)
        }
        flips = rows[rows["metric"] == "flip_rate"]
        return figures if flips.empty else {**figures, "flip-rate": flip_rate_figure(flips, models)}


_READINGS = ("raw", "min-max", "relative", "flip_rate")


def _ratio(metric: str, above: float, below: float) -> Finding:
    return Finding(metric, above / below) if below > 0 else Finding(metric, None, reason="constant")


def _clean_variance(rows: pd.DataFrame) -> float:
    """The mean clean variance of an element of one model's latents; 0 if they are constant.

    In every piece, `relative` is `raw` divided by this variance. The piece with the largest `raw` has the most digits.
    """
    readings = rows[rows["metric"].isin(["raw", "relative"])]
    table = readings.pivot(index=["perturbation", "level", "case"], columns="metric", values="value")
    if table.empty or not table["relative"].max() > 0:
        return 0.0
    raw, relative = table["raw"].to_numpy(float), table["relative"].to_numpy(float)
    largest = raw.argmax()
    return float(raw[largest] / relative[largest])


def _chosen(count: int) -> list[int]:
    """Indices of some elements, spread over positions and channels; the same for every case of the same size."""
    generator = torch.Generator().manual_seed(0)
    chosen: list[int] = torch.randperm(count, generator=generator)[:ELEMENTS].sort().values.tolist()
    return chosen
