"""What only a run without labels has: verdicts on liveness, changes in volume, and how agreement ranks cases."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from robustq.report.agreement_table import agreement_grid
from robustq.report.grid import Grid
from robustq.report.volume_table import volume_grid
from robustq.statistics.agreement_and_loss import AgreementAndLoss, agreement_and_loss
from robustq.statistics.volume_changes import volume_changes

ALIVE = "alive"
"""Name of the rows that hold the verdict on a model's liveness, as in an analysis."""


@dataclass(frozen=True)
class AgreementFigures:
    """The figures of a run without labels that stand beside its curves.

    Attributes:
        rows: the rows of the run.
        data: name of the dataset.
        models: names of the models.
        metrics: the metrics of agreement.
        perturbations: names of the perturbations.
        domains: for the name of each domain, its title; a single entry without a name if they are not kept apart.
        level_text: what a reader sees of a level.
    """

    rows: pd.DataFrame
    data: str
    models: Sequence[str]
    metrics: Sequence[str]
    perturbations: Sequence[str]
    domains: Mapping[str, str]
    level_text: Callable[[float], str]

    @cached_property
    def liveness(self) -> list[str]:
        """The verdict on each model: a dead model agrees with itself whatever it is shown."""
        verdicts = self.rows[self.rows["metric"] == ALIVE].set_index("model")["reason"].to_dict()
        return [f"{model}: {verdicts.get(model, 'liveness is not tested yet')}" for model in self.models]

    @cached_property
    def changes(self) -> pd.DataFrame:
        """What `robustq.statistics.volume_changes` gives, for each domain."""
        tables = []
        for domain in self.domains:
            own = self.rows[self.rows["domain"] == domain] if len(self.domains) > 1 else self.rows
            tables.append(volume_changes(own).assign(domain=domain))
        return pd.concat(tables, ignore_index=True)

    @cached_property
    def correlations(self) -> dict[str, list[AgreementAndLoss]]:
        """How each metric of agreement ranks the cases that have a mask; empty if there is none."""
        if not (self.rows["metric"] == "dice").any():
            return {}
        return {metric: agreement_and_loss(self.rows, metric) for metric in self.metrics}

    def grids(self, *, highest: bool = False) -> list[Grid]:
        """The tables.

        Args:
            highest: whether they show the highest level alone.
        """
        printed: dict[str, Any] = {"sample": self.data, "level_text": self.level_text, "highest": highest}
        volumes = volume_grid(self.changes, self.models, self.perturbations, self.domains, **printed)
        return [volumes, *([agreement_grid(self.correlations, **printed)] if self.correlations else [])]

    def document(self) -> dict[str, Any]:
        """The figures as entries of a JSON document."""
        return {
            "liveness": self.liveness,
            "volume_changes": self.changes.drop(columns="training_seed", errors="ignore").to_dict("records"),
            "agreement_and_loss": [
                {"metric": metric, **one._asdict()} for metric, found in self.correlations.items() for one in found
            ],
        }
