"""A metric by domain, label, model, perturbation and level, as the matrix and the charts of a page show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from robustq.report.numbers import digits_of, with_unit

_WRITTEN = {
    **{name: name.title() for name in ("brier", "dice", "hausdorff")},
    **{name: name.upper() for name in ("ace", "assd", "ece", "hd95", "nll", "nsd")},
    "iou": "IoU",
}
"""For names of metrics, how papers write them."""


@dataclass(frozen=True)
class Levels:
    """One metric of a stress run, or of several side by side.

    Attributes:
        metric: text of the metric.
        unit: its unit, "" if it has none.
        higher_is_better: whether a larger value is a better one.
        models: names of the models, in the order of the lines.
        perturbations: names of the perturbations and attacks, in the order of the panels, those of `worst` included.
        domains: for the name of each domain, its title; a single entry with the title "" if they are not kept apart.
        rows: what `robustq.statistics.curve_intervals` gave, with the columns `domain` and `label`; the label is ""
            for the mean over the labels.
        worst: the names under which each image's worst answer to several attacks stands.
        averaged: the number of perturbations of which the rows called "all" are the mean; 0 if there are no such rows.
    """

    metric: str
    unit: str
    higher_is_better: bool
    models: Sequence[str]
    perturbations: Sequence[str]
    domains: Mapping[str, str]
    rows: pd.DataFrame
    worst: Sequence[str] = ()
    averaged: int = 0

    @property
    def name(self) -> str:
        """The metric as a reader writes it, with its unit: `Dice`, `HD95 [mm]`."""
        return with_unit(self.title, self.unit)

    @property
    def title(self) -> str:
        """The metric as a reader writes it, without its unit."""
        name, at, setting = self.metric.partition("@")
        return f"{_WRITTEN.get(name, name)}{at}{setting}"

    @property
    def is_share(self) -> bool:
        """Whether the metric has no unit and higher is better, so that retention has a meaning."""
        return self.higher_is_better and not self.unit

    @property
    def digits(self) -> int:
        """Number of decimals."""
        return digits_of(self.unit)

    @property
    def levels(self) -> Sequence[float]:
        """The levels, in percent."""
        return sorted(float(level) for level in self.rows["level"].unique())

    @property
    def labels(self) -> Sequence[str]:
        """The labels; "", the mean over them, is the first. A single label is its own mean."""
        names = sorted(str(label) for label in self.rows["label"].unique() if label)
        return ["", *(names if len(names) > 1 else [])]

    def where(self, perturbation: str, title: str) -> str:
        """A perturbation and the title of a domain in words."""
        shown = f"{perturbation} of all attacks" if perturbation in self.worst else perturbation
        return ", ".join(filter(None, (shown, title)))

    def curve(self, model: str, perturbation: str, domain: str, label: str = "") -> pd.DataFrame:
        """The rows of one curve by level; empty if the model was not shown the perturbation."""
        return self._curves.get((model, perturbation, domain, label), self.rows.iloc[:0])

    @cached_property
    def _curves(self) -> dict[tuple[str, str, str, str], pd.DataFrame]:
        keys = ["model", "perturbation", "domain", "label"]
        return {
            (str(key[0]), str(key[1]), str(key[2]), str(key[3])): curve.sort_values("level")
            for key, curve in self.rows.groupby(keys, sort=False)
        }
