"""What the attacks of a stress run say together: of masked gradients, and of the worst answer to each image."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from robustq.metric import parse_metric
from robustq.statistics import curve_intervals, group_means
from robustq.statistics.by_size import by_size
from robustq.statistics.masked_gradients import WITHIN, Masked, suspects
from robustq.statistics.worst_of_attacks import competitors, worst_rows


@dataclass(frozen=True)
class AttacksTogether:
    """The attacks of a run, read from its rows.

    Attributes:
        frame: all rows of the run.
        attacks: names of the attacks.
        models: names of the models.
        volumes: for the id of each case, the volume of each label that its truth shows; empty where it is not known.
    """

    frame: pd.DataFrame
    attacks: Sequence[str]
    models: Sequence[str]
    volumes: Mapping[str, Mapping[str, float]]

    @cached_property
    def _parameters(self) -> dict[str, set[str]]:
        """For each attack, the names of its parameters."""
        rows = self.frame[self.frame["level"] > 0].drop_duplicates("perturbation")
        parameters = dict(zip(rows["perturbation"], map(json.loads, rows["parameters"]), strict=True))
        return {attack: set(parameters.get(attack, {})) for attack in self.attacks}

    @property
    def norms(self) -> dict[str, str]:
        """For each attack, the measure of its radius; "" if its parameters do not show it."""
        return {attack: next(iter(WITHIN.keys() & names), "") for attack, names in self._parameters.items()}

    @property
    def gradient_free(self) -> list[str]:
        """The attacks that follow no gradient."""
        return [attack for attack, names in self._parameters.items() if "queries" in names]

    @cached_property
    def suspects(self) -> list[Masked]:
        """Where an attack did a model less harm than another that may change the image no more, even if by chance."""
        means = group_means(self.frame[self.frame["metric"] == "dice"])
        return suspects(means, self.norms, self.models, self.gradient_free)

    @cached_property
    def competing(self) -> dict[str, list[str]]:
        """For `worst` and `worst@l2`, the attacks and transfers of which each image's worst answer is taken.

        A name with a single attack and a single draw is left out. Empty without the metric dice.
        """
        attacked = self.frame[(self.frame["metric"] == "dice") & (self.frame["level"] > 0)]
        answers = attacked[["perturbation", "draw"]].drop_duplicates()
        competing = competitors(self.norms, self.models, set(answers["perturbation"]))
        return {name: attacks for name, attacks in competing.items() if answers["perturbation"].isin(attacks).sum() > 1}

    def worst_means(self, frame: pd.DataFrame, metric: str, *, by_label: bool = False) -> pd.DataFrame:
        """What `group_means` says of each image's worst answer to the attacks, under the names of `competing`.

        Args:
            frame: rows of the run, such as those of one domain.
            metric: a metric.
            by_label: keep the labels apart.
        """
        rows = worst_rows(frame, self.competing)
        return group_means(rows[rows["metric"] == metric], by_label=by_label)

    @cached_property
    def by_size(self) -> pd.DataFrame:
        """What `by_size` says of the Dice of each image's worst answer; empty without the metric dice or the volumes.

        A single attack with a single draw has a worst answer here too.
        """
        rows = worst_rows(self.frame, competitors(self.norms, self.models, set(self.frame["perturbation"])))
        return by_size(rows[rows["metric"] == "dice"], self.volumes)

    def summary(self, metrics: Sequence[str]) -> dict[str, Any]:
        """The figures of the worst answers as records; empty without attacks.

        Args:
            metrics: the metrics of the run.
        """
        if not self.attacks:
            return {}
        worst = [
            curve_intervals(
                self.worst_means(self.frame, metric), higher_is_better=parse_metric(metric).higher_is_better
            )
            for metric in metrics
            if self.competing
        ]
        return {
            "worst_of_attacks": [record for table in worst for record in table.to_dict("records")],
            "by_size": self.by_size.to_dict("records"),
        }
