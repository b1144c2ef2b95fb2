"""A run that was computed: its rows, its table, its figure."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from robustq.model.spec import Spec
from robustq.quantiser import perplexity
from robustq.report.figure_files import save_figure
from robustq.report.numbers import plain
from robustq.request.names import transferred
from robustq.results.stored import Stored
from robustq.statistics import audc, group_means, retention, summarise, worst_level
from robustq.statistics.invented_labels import Invented, invented, invented_notes
from robustq.statistics.masked_gradients import WITHIN, Masked, masking_notes, suspects

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from robustq.report.grid import Sheet

_AUXILIARY = ("invented", "invented_volume", "code_usage")


@dataclass(frozen=True)
class CodesInUse:
    """How much of a codebook the clean cases use.

    Attributes:
        used: codes chosen at least once, over all stages; None without a codebook.
        size: codes there are, over all stages.
        perplexity: exp(entropy of the usage), mean over stages.
    """

    used: int | None
    size: int = 0
    perplexity: float = float("nan")

    @property
    def text(self) -> str:
        """`8 of 1024`, or – without a codebook."""
        return "–" if self.used is None else f"{self.used} of {self.size}"


class Run(Stored):
    """What `robustq.stress` returns, and what a run directory is read as."""

    command = "stress"

    @property
    def metrics(self) -> list[str]:
        """Metrics that were asked for."""
        return list(self.asked["metrics"])

    def to_frame(self) -> pd.DataFrame:
        """All rows; columns as in `robustq.results.rows.Row`."""
        # Nullable integers: a seed has more digits than a float, and level 0 has none.
        frame: pd.DataFrame = self.directory.rows().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return frame

    @cached_property
    def _frame(self) -> pd.DataFrame:
        return self.to_frame()

    def summary_frame(self) -> pd.DataFrame:
        """Mean, sd, median and quartiles over groups, for each model, perturbation, level and metric."""
        frame = self._frame
        return summarise(group_means(frame[frame["metric"].isin(self.metrics)]))

    def codes(self) -> dict[str, CodesInUse]:
        """By model, the codes in use on the clean cases."""
        usage = self._frame[self._frame["metric"] == "code_usage"]
        return {model: _codes(self.spec(model), usage[usage["model"] == model]) for model in self.models}

    @property
    def shown(self) -> list[str]:
        """What the models were shown: perturbations, then attacks, each followed by those transferred."""
        attacks, models = self.asked.get("attacks", {}), self.models
        found = set(self._frame["perturbation"])
        transfers = {attack: [transferred(attack, source) for source in models] for attack in attacks}
        named = [name for asked in self.asked["perturbations"] for name in (asked, *transfers.get(asked, []))]
        return [name for name in named if name in found]

    def masked_gradients(self) -> list[Masked]:
        """Where an attack that is allowed no more, maybe transferred, hurt a model more than its own, beyond chance."""
        return [each for each in self._suspects if each.certain]

    @cached_property
    def _suspects(self) -> list[Masked]:
        frame = self._frame
        return suspects(group_means(frame[frame["metric"] == "dice"]), self._norms, self.models)

    @cached_property
    def _norms(self) -> dict[str, str]:
        """By attack, what its radius is measured in; "" where its parameters do not say."""
        rows = self._frame[self._frame["level"] > 0].drop_duplicates("perturbation")
        told = dict(zip(rows["perturbation"], map(json.loads, rows["parameters"]), strict=True))
        attacks = self.asked.get("attacks", {})
        return {name: next(iter(WITHIN.keys() & told.get(name, {}).keys()), "") for name in attacks}

    def attack_notes(self) -> list[str]:
        """What must be said under the figures of attacks."""
        return masking_notes(self.asked, self.metrics, self._norms, self._suspects)

    @cached_property
    def invented(self) -> list[Invented]:
        """How often each model answers labels that the truth does not show, by perturbation and level."""
        return invented(self._frame)

    def invented_notes(self) -> list[str]:
        """What must be said of labels that the truth does not show."""
        total = len(self.asked["data"]["cases"]) * len(self.spec(self.models[0]).labels)
        return invented_notes(self.invented, total)

    def summary(self) -> dict[str, Any]:
        """The figures of the table as JSON values."""
        frame = self.summary_frame()
        curves = []
        for (model, perturbation, metric), curve in frame.groupby(["model", "perturbation", "metric"], sort=False):
            curve = curve.sort_values("level")
            level, mean = curve["level"].to_numpy(float), curve["mean"].to_numpy(float)
            share = curve["unit"].iloc[0] == ""
            points = curve[["level", "groups", "mean", "sd", "median", "q1", "q3", "missed"]]
            curves.append(
                {
                    "model": model,
                    "perturbation": perturbation,
                    "metric": metric,
                    "unit": curve["unit"].iloc[0],
                    "levels": points.to_dict("records"),
                    "retention": retention(level, mean).tolist() if share else None,
                    "audc": audc(level, mean) if share and len(level) > 1 else None,
                    "worst_level": worst_level(level, mean, higher_is_better=share),
                }
            )
        codes = {model: vars(found) for model, found in self.codes().items()}
        document: dict[str, Any] = {
            "run": str(self.directory.path),
            "data": self.asked["data"]["name"],
            "cases": len(self.asked["data"]["cases"]),
            "draws": self.asked["draws"],
            "models": {
                model: {
                    "quantise": str(self.spec(model).quantise),
                    "training_seed": self.spec(model).seed if self.spec(model).training else None,
                    "codes": codes[model],
                    "remarks": list(self.remarks()[model]),
                }
                for model in self.models
            },
            "curves": curves,
            "failures": self.failures,
            "masked_gradients": [each._asdict() for each in self.masked_gradients()],
            "invented": [each._asdict() for each in self.invented],
            "notes": [*self.attack_notes(), *self.invented_notes(), *self.sample_notes()],
        }
        clean = plain(document)
        assert isinstance(clean, dict)
        return clean

    def table(self, metric: str | None = None) -> "Sheet":
        """The models side by side, one section a perturbation: a rich table (`rich.print` shows it).

        Args:
            metric: one of the run's metrics, the first by default.
        """
        from robustq.report.stress_table import curve_grid

        return curve_grid(self, metric or self.metrics[0]).to_rich()

    def plot(self, metric: str | None = None) -> "Figure":
        """A metric against level, one panel a perturbation: a matplotlib figure (`savefig` writes it).

        Args:
            metric: one of the run's metrics, the first by default.
        """
        from robustq.report.stress_figure import curve_figure

        return curve_figure(self, metric or self.metrics[0])

    def draw(self) -> None:
        """Write the figure of every metric as PNG and PDF into `curves/` of the run directory."""
        for metric in self.metrics:
            save_figure(self.plot(metric), self.directory.path / "curves", metric)


def _codes(spec: Spec, usage: pd.DataFrame) -> CodesInUse:
    with torch.random.fork_rng():  # building draws a codebook, and asking for a table is no reason to
        quantiser = spec.quantise.build()
    capacity = None if quantiser is None else quantiser.capacity
    if capacity is None:
        return CodesInUse(None)
    counts = torch.zeros(capacity, dtype=torch.long)
    totals = usage.groupby("label")["value"].sum()
    for label, count in zip(totals.index, totals.to_numpy(np.int64), strict=True):
        stage, _, code = str(label).rpartition(":")
        counts[int(stage or 0), int(code)] = int(count)
    return CodesInUse(int((counts > 0).sum()), counts.numel(), float(perplexity(counts).mean()))
