"""The data that the table and the figure of a stress run show, so that neither needs the run itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from robustq.report.numbers import percent, with_unit


@dataclass(frozen=True)
class DomainCurves:
    """The curves of the cases of one domain, or of all cases.

    Attributes:
        name: name of the domain, "" for cases without one; None if the domains are not kept apart.
        rows: means of one metric over groups, one row per model, perturbation and level (columns as
            `robustq.statistics.summarise` gives them; for a figure also `low` and `high`, the interval of the mean).
        codes: for each model, the codes in use on the clean cases, as text.
        trained: models that were trained on cases of this domain, as far as that is known.
        about: sentence on the number of cases and on the models trained on this domain; "" without a domain.
    """

    name: str | None
    rows: pd.DataFrame
    codes: Mapping[str, str]
    trained: Sequence[str] = ()
    about: str = ""

    @property
    def title(self) -> str:
        """`domain A`; "" if the domains are not kept apart."""
        return "" if self.name is None else f"domain {self.name}" if self.name else "no domain"


@dataclass(frozen=True)
class StressCurves:
    """A metric of a stress run by model, perturbation and level.

    Attributes:
        metric: text of the metric, such as "nsd@2mm".
        unit: unit of the metric, "" if it has none.
        higher_is_better: whether a larger value is a better one.
        measures_distance: whether the policy for missed structures applies.
        data: name of the dataset.
        models: names of the models, in the order of the lines.
        perturbations: for each perturbation or attack, its transfers: the name in the rows, and the model that the
            attack was made for.
        competing: for `worst` and `worst@l2`, the attacks and transfers of which each image's worst answer is taken;
            their rows have the interval of the mean as `low` and `high`.
        averaged: the perturbations whose mean is in the rows under the name "all"; empty if there is none.
        draws: the number of draws in words; "" where no level is above 0.
        missing: the policy for missed structures.
        domains: the curves of each domain, with the domains in which a model was trained first; a single entry without
            a name if there is one domain or none.
        notes: notes on models, attacks and sample.
        heads: what a reader must know before the figures.
        level_names: where levels are the numbers of targets, what a reader sees of each; empty for percentages.
    """

    metric: str
    unit: str
    higher_is_better: bool
    measures_distance: bool
    data: str
    models: Sequence[str]
    perturbations: Mapping[str, Mapping[str, str]]
    competing: Mapping[str, Sequence[str]]
    averaged: Sequence[str]
    draws: str
    missing: str
    domains: Sequence[DomainCurves]
    notes: Sequence[str]
    heads: Sequence[str] = ()
    level_names: Mapping[float, str] = field(default_factory=dict)

    def level_text(self, level: float) -> str:
        """A level as a reader sees it: `10 %`, `ssim 0.9`."""
        return self.level_names.get(level) or percent(level)

    @property
    def rows(self) -> pd.DataFrame:
        """The rows of all domains."""
        return pd.concat([domain.rows for domain in self.domains], ignore_index=True)

    @property
    def is_share(self) -> bool:
        """Whether the metric has no unit and higher is better, so that retention and AUDC have a meaning."""
        return self.higher_is_better and not self.unit

    @property
    def most_groups(self) -> int:
        """The largest number of groups that a level has."""
        return int(max((domain.rows["groups"].max() for domain in self.domains if len(domain.rows)), default=0))

    @property
    def label(self) -> str:
        """The metric with its unit, as in `hd95 [mm]`."""
        return with_unit(self.metric, self.unit)
