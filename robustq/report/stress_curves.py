"""What the table and the figure of a stress run show: plain data, so that neither has to know a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class DomainCurves:
    """The curves of the cases of one domain, or of all cases.

    Attributes:
        name: of the domain, "" for cases without one; None where the domains are not told apart.
        rows: of one metric, as `robustq.statistics.summarise` gives them.
        codes: by model, the codes in use on the clean cases, as text.
        trained: models that were trained on cases of this domain, as far as that is known.
        about: how many cases these are, and which models were trained on cases of this domain; "" without a domain.
    """

    name: str | None
    rows: pd.DataFrame
    codes: Mapping[str, str]
    trained: Sequence[str] = ()
    about: str = ""

    @property
    def title(self) -> str:
        """`domain A`; "" where the domains are not told apart."""
        return "" if self.name is None else f"domain {self.name}" if self.name else "no domain"


@dataclass(frozen=True)
class StressCurves:
    """A metric of a stress run by model, perturbation and level.

    Attributes:
        metric: as asked for.
        unit: of the metric, "" without.
        is_share: whether the metric has no unit and higher is better, so that retention and AUDC mean something.
        measures_distance: whether the policy for missed structures applies.
        data: name of the dataset.
        models: names, in the order of the lines.
        perturbations: as asked for; each attack with the model whose attack is transferred, by the name that stands
            in the rows.
        draws: by perturbation, the draws of a level above 0.
        missing: the policy for missed structures.
        domains: the domains apart, those that a model was trained in first; a single entry without a name where there
            is one domain or none.
        notes: what must be said of models, attacks and sample.
    """

    metric: str
    unit: str
    is_share: bool
    measures_distance: bool
    data: str
    models: Sequence[str]
    perturbations: Mapping[str, Mapping[str, str]]
    draws: Mapping[str, int]
    missing: str
    domains: Sequence[DomainCurves]
    notes: Sequence[str]

    @property
    def rows(self) -> pd.DataFrame:
        """Those of all domains."""
        return pd.concat([domain.rows for domain in self.domains], ignore_index=True)

    @property
    def label(self) -> str:
        """The metric with its unit, as in `hd95 [mm]`."""
        return f"{self.metric} [{self.unit}]" if self.unit else self.metric
