"""What a run over several domains says of a model that was trained on one of them (Table 2 of the paper)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from robustq.errors import RequestError
from robustq.metric import parse_metric
from robustq.report.grid import Grid
from robustq.report.numbers import plain_document
from robustq.report.shift_table import ShiftLine, shift_grid, token_grid
from robustq.results.analysis import Analysis
from robustq.results.stress_run import Run
from robustq.statistics.domain_drop import domain_drop, drop_difference
from robustq.statistics.group_means import describe, group_means
from robustq.statistics.paired_tests import Interval, paired_difference

UNKNOWN = "?"
"""Stands for the training domain of a model that was trained on no case of the data, as far as that is known."""

GroupValues = Mapping[str, float]
"""The value of each group (patient)."""


@dataclass(frozen=True)
class Place:
    """Where a model is tested.

    Attributes:
        domain: name of a domain of the data.
        perturbation: the simulated shift; "" for the cases as they are.
        level: its level in percent.
    """

    domain: str
    perturbation: str = ""
    level: float = 0.0

    @property
    def text(self) -> str:
        """`A`, or `A with gaussian of 20 %`."""
        domain = self.domain or "these cases"
        return f"{domain} with {self.perturbation} of {self.level:g} %" if self.perturbation else domain


@dataclass(frozen=True)
class Shift:
    """What `robustq.shift` returns; it can also be made of a finished run over several domains.

    Attributes:
        run: a stress run over the domains; its levels above 0 are simulated shifts.
        analysis: the analysis `occupancy` of the same models and cases; None where no model has a codebook.
        names: for the name of a model, the name of its architecture; by default its network and quantiser.
    """

    run: Run
    analysis: Analysis | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> list[str]:
        """The metrics of the run."""
        return self.run.metrics

    @cached_property
    def trained(self) -> Mapping[str, str]:
        """For each model, the domain of its training cases; `UNKNOWN` where it is not one domain of the data."""
        domains = self.run.domains
        of_model = {
            model: [name for name in domains.names if model in domains.trained(name)] for model in self.run.models
        }
        return {model: names[0] if len(names) == 1 else UNKNOWN for model, names in of_model.items()}

    @cached_property
    def architectures(self) -> Mapping[tuple[str, str], Sequence[str]]:
        """The models of each architecture and training domain: its training seeds."""
        families: dict[tuple[str, str], list[str]] = {}
        for model in self.run.models:
            spec = self.run.spec(model)
            name = self.names.get(model, f"{spec.architecture or 'network'} {spec.quantise}")
            families.setdefault((name, self.trained[model]), []).append(model)
        return families

    def places(self, trained: str) -> list[Place]:
        """Where models that were trained on a domain are tested: that domain, the others, then simulated shifts."""
        names = self.run.domains.names
        real = [Place(name) for name in sorted(names, key=lambda name: name != trained)]
        home = [trained] if trained in names else names
        levels = [level for level in self.run.asked["levels"] if level > 0]
        simulated = self.run.asked["perturbations"]
        return [*real, *(Place(name, shift, level) for name in home for shift in simulated for level in levels)]

    def lines(self, metric: str, baseline: str | None = None) -> list[ShiftLine]:
        """One line for each architecture, training domain and place.

        Args:
            metric: one of the run's metrics.
            baseline: architecture whose drops are subtracted; None for none.

        Raises:
            RequestError: no architecture has this name.
        """
        names = list(dict.fromkeys(name for name, _ in self.architectures))
        if baseline is not None and baseline not in names:
            raise RequestError(f"{baseline!r} is no architecture of this run: choose from {', '.join(names)}")
        return [
            self._line(metric, name, trained, place, baseline)
            for name, trained in self.architectures
            for place in self.places(trained)
        ]

    def _line(self, metric: str, name: str, trained: str, place: Place, baseline: str | None) -> ShiftLine:
        models, home = self.architectures[name, trained], self._home(trained, place)
        networks = [self._values(metric, model, place) for model in models]
        means = describe(np.array([_mean(network) for network in networks]))
        within = describe(np.array(list(networks[0].values())))
        drop, against = None, None
        if home is not None and place != home:
            drop = self._drop(metric, models, home, place)
            others = self.architectures.get((baseline or "", trained), ())
            if others and name != baseline:
                against = self._difference(metric, models, others, home, place)
        return ShiftLine(
            architecture=name,
            trained=trained,
            tested=place.text,
            in_domain=place == Place(trained),
            seeds=len(models),
            groups=len(_average(networks)),
            mean=means.mean,
            sd=means.sd if len(models) > 1 else within.sd,
            drop=drop,
            against=against,
            counts=self._counts(metric, models, place),
        )

    def grids(self, baseline: str | None = None) -> list[Grid]:
        """A table for each metric, and one of tokens beyond the radius and beyond the margin of their code."""
        notes = self.run.sample_notes()
        grids = []
        for metric in self.metrics:
            measure = parse_metric(metric)
            frame = self._frame
            unit = str(frame.loc[frame["metric"] == metric, "unit"].iloc[0])
            grids.append(
                shift_grid(
                    self.lines(metric, baseline),
                    metric,
                    unit,
                    data=self.run.data,
                    baseline=baseline,
                    higher_is_better=measure.higher_is_better,
                    distance=measure.measures_distance,
                    missing=self.run.asked["missing"],
                    notes=notes,
                )
            )
        return grids if self.analysis is None else [*grids, token_grid(self.analysis.to_frame(), self.trained)]

    def summary(self, baseline: str | None = None) -> dict[str, Any]:
        """The lines of every metric as JSON values."""
        lines = {metric: [asdict(line) for line in self.lines(metric, baseline)] for metric in self.metrics}
        return plain_document({"run": str(self.run.directory.path), "baseline": baseline, "lines": lines})

    @staticmethod
    def _home(trained: str, place: Place) -> Place | None:
        """Where the drop to a place begins: the same cases without a simulated shift, else the training domain."""
        if place.perturbation:
            return Place(place.domain)
        return None if trained == UNKNOWN else Place(trained)

    @cached_property
    def _frame(self) -> pd.DataFrame:
        return self.run.to_frame()

    @cached_property
    def _means(self) -> pd.DataFrame:
        """The group means in each domain."""
        frame = self._frame[self._frame["metric"].isin(self.metrics)]
        return pd.concat(
            [group_means(rows).assign(domain=domain) for domain, rows in frame.groupby("domain", sort=False)]
        )

    def _rows(self, metric: str, model: str, place: Place) -> pd.DataFrame:
        means = self._means
        chosen = means[(means["metric"] == metric) & (means["model"] == model) & (means["domain"] == place.domain)]
        # The unperturbed cases are the level 0 of every perturbation.
        perturbation = place.perturbation or chosen["perturbation"].min()
        rows: pd.DataFrame = chosen[(chosen["perturbation"] == perturbation) & (chosen["level"] == place.level)]
        return rows

    def _values(self, metric: str, model: str, place: Place) -> GroupValues:
        rows = self._rows(metric, model, place).dropna(subset=["value"])
        return dict(zip(rows["group"].astype(str), rows["value"].astype(float), strict=True))

    def _counts(self, metric: str, models: Sequence[str], place: Place) -> tuple[int, int]:
        rows = pd.concat([self._rows(metric, model, place) for model in models])
        return int(rows["missed"].sum()), int(rows["unanswered"].sum())

    def _over_seeds(self, metric: str, models: Sequence[str], place: Place) -> GroupValues:
        return _average([self._values(metric, model, place) for model in models])

    def _drop(self, metric: str, models: Sequence[str], home: Place, place: Place) -> Interval:
        """What an architecture loses from its home to a place."""
        at_home, away = (self._over_seeds(metric, models, where) for where in (home, place))
        if place.domain == home.domain:  # a simulated shift: the same groups
            return _as_loss(metric, paired_difference(*_paired(at_home, away)))
        return _as_loss(metric, domain_drop(np.array(list(at_home.values())), np.array(list(away.values()))))

    def _difference(
        self, metric: str, models: Sequence[str], others: Sequence[str], home: Place, place: Place
    ) -> Interval:
        """The drop of an architecture minus that of another one."""
        own, of_others = (
            (self._over_seeds(metric, family, home), self._over_seeds(metric, family, place))
            for family in (models, others)
        )
        if place.domain == home.domain:
            own_home, own_away, others_home, others_away = _paired(*own, *of_others)
            return _as_loss(metric, paired_difference(own_home - own_away, others_home - others_away))
        return _as_loss(metric, drop_difference(own, of_others))


def _average(networks: Sequence[GroupValues]) -> GroupValues:
    """For each group that all networks have, the mean over the networks."""
    groups = [group for group in networks[0] if all(group in network for network in networks)]
    return {group: float(np.mean([network[group] for network in networks])) for group in groups}


def _paired(*samples: GroupValues) -> list[np.ndarray]:
    """The values of the groups that all samples have, in one order."""
    groups = [group for group in samples[0] if all(group in sample for sample in samples)]
    return [np.array([sample[group] for group in groups]) for sample in samples]


def _as_loss(metric: str, fall: Interval) -> Interval:
    """The interval of a loss, from that of a fall: where a smaller value is the better one, a loss is a rise."""
    if parse_metric(metric).higher_is_better:
        return fall
    return Interval(fall.groups, -fall.estimate, -fall.high, -fall.low)


def _mean(values: GroupValues) -> float:
    return float(np.mean(list(values.values()))) if values else float("nan")
