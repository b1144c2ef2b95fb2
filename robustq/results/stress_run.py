"""The result of a stress run: its rows, tables, figures and notes."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from robustq.errors import RequestError
from robustq.metric import parse_metric
from robustq.report.agreement_table import AGREEMENT_NOTE
from robustq.report.figure_files import FigureFiles
from robustq.report.in_notebook import in_notebook
from robustq.report.invented_notes import invented_notes
from robustq.report.masking_notes import masking_notes
from robustq.report.numbers import percent, plain_document
from robustq.report.quality_table import quality_grid
from robustq.report.raised_notes import raised_notes
from robustq.report.stress_curves import DomainCurves, StressCurves
from robustq.request.draws import AUTO
from robustq.request.names import transferred
from robustq.results.agreement_figures import AgreementFigures
from robustq.results.attacks_together import AttacksTogether
from robustq.results.codes_in_use import CodesInUse, codes_in_use
from robustq.results.curve_records import curve_records
from robustq.results.domains import Domains
from robustq.results.level_draws import LevelDraws
from robustq.results.rows import SMALLER
from robustq.results.severity_scale import SeverityScale
from robustq.results.stored import Stored
from robustq.statistics import curve_intervals, group_means, summarise
from robustq.statistics.invented_labels import Invented, invented
from robustq.statistics.masked_gradients import Masked
from robustq.statistics.over_perturbations import over_perturbations
from robustq.statistics.raised_scores import raised_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from robustq.report.grid import Grid, Sheet


class Run(Stored):
    """What `robustq.stress` returns; it can also be opened from a run directory that a stress run wrote."""

    command = "stress"

    @property
    def metrics(self) -> list[str]:
        """The texts of the metrics of the run."""
        return list(self.asked["metrics"])

    @property
    def without_labels(self) -> bool:
        """Whether answers were compared with the model's own clean answers, and not with the truth."""
        return bool(self.asked.get("without_labels", False))

    @cached_property
    def agreement(self) -> AgreementFigures | None:
        """The figures that only a run without labels has; None for every other run."""
        if not self.without_labels:
            return None
        return AgreementFigures(
            rows=self._frame,
            data=self.data,
            models=self.models,
            metrics=self.metrics,
            perturbations=self.asked["perturbations"],
            domains=self.domains.titles,
            level_text=self.level_text,
        )

    def require_truth(self, purpose: str) -> None:
        """Refuse a run without labels.

        Args:
            purpose: what takes the truth, as in "models are ranked".

        Raises:
            RequestError: the run used no truth.
        """
        if self.without_labels:
            raise RequestError(
                f"{self.directory.path} is a run without labels, and {purpose} by the truth, because a model that "
                "always answers the same has perfect agreement: stress cases that have masks"
            )

    def require_levels(self, purpose: str) -> None:
        """Refuse a run whose severity is an image quality.

        Args:
            purpose: what takes levels, as in "models are ranked".

        Raises:
            RequestError: the run has targets in the place of levels.
        """
        if self.scale is not None:
            raise RequestError(
                f"{self.directory.path} has the severity {self.scale.severity} in the place of levels, and {purpose} "
                "by curves over levels: stress the models at --levels"
            )

    def severity_notes(self) -> list[str]:
        """Notes on the levels that were found, where the severity is an image quality."""
        return [] if self.scale is None else self.scale.notes

    @property
    def heads(self) -> list[str]:
        """What a reader must know before the figures: of a run without labels, whether its models are alive."""
        return [] if self.agreement is None else [*self.agreement.liveness, AGREEMENT_NOTE]

    def to_frame(self) -> pd.DataFrame:
        """All rows; columns as in `robustq.results.rows.Row`."""
        # Nullable integers: a seed has more digits than a float can hold, and level 0 has no seed.
        frame: pd.DataFrame = self.directory.rows().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return frame

    @cached_property
    def scale(self) -> SeverityScale | None:
        """What stands in the place of levels where the severity is an image quality; None where levels were asked."""
        return SeverityScale.of_run(self.document)

    def by_level(self) -> pd.DataFrame:
        """All rows, with `level` as tables have it: the number of a target, if the severity is an image quality."""
        return self.to_frame() if self.scale is None else self.scale.numbered(self.to_frame())

    def level_text(self, level: float) -> str:
        """A level of `by_level` in words, such as `10 %` or `ssim 0.9`."""
        return percent(level) if self.scale is None else self.scale.texts[level]

    @cached_property
    def _frame(self) -> pd.DataFrame:
        return self.by_level()

    def summary_frame(self, domain: str | None = None) -> pd.DataFrame:
        """Mean, sd, median and quartiles over groups, for each model, perturbation, level and metric.

        Args:
            domain: take the cases of this domain alone; None takes all.
        """
        frame = self._of(domain)
        return summarise(group_means(frame[frame["metric"].isin(self.metrics)]))

    def codes(self, domain: str | None = None) -> dict[str, CodesInUse]:
        """For each model, the codes in use on the clean cases.

        Args:
            domain: take the cases of this domain alone; None takes all.
        """
        frame = self._of(domain)
        usage = frame[frame["metric"] == "code_usage"]
        return {model: codes_in_use(self.spec(model), usage[usage["model"] == model]) for model in self.models}

    def _of(self, domain: str | None) -> pd.DataFrame:
        return self._frame if domain is None else self._frame[self._frame["domain"] == domain]

    @cached_property
    def domains(self) -> Domains:
        """The domains of the cases, and the models that were trained on each domain."""
        return Domains(self.document)

    @property
    def shown(self) -> list[str]:
        """What the models were shown: perturbations, then attacks, each attack followed by its transfers."""
        attacks, models = self.asked.get("attacks", {}), self.models
        computed = set(self._frame["perturbation"])
        transfers = {attack: [transferred(attack, source) for source in models] for attack in attacks}
        names = [name for asked in self.asked["perturbations"] for name in (asked, *transfers.get(asked, []))]
        return [name for name in names if name in computed]

    @property
    def averaged(self) -> list[str]:
        """The perturbations of which the mean over perturbations is taken: all but attacks; empty if there is one."""
        names = self.without_attacks
        reached = self.scale is None or self.scale.is_reached
        return names if len(names) > 1 and reached else []

    @property
    def without_attacks(self) -> list[str]:
        """The perturbations that were asked for and are no attacks."""
        attacks = self.asked.get("attacks", {})
        return [name for name in self.asked["perturbations"] if name not in attacks]

    @property
    def draws(self) -> dict[str, int]:
        """For each perturbation and attack, the number of draws at a level above 0, the largest where they differ."""
        return {name: max(numbers.values(), default=0) for name, numbers in self.level_draws.numbers.items()}

    @cached_property
    def level_draws(self) -> LevelDraws:
        """The number of draws at each level."""
        return LevelDraws.of_run(self.document)

    @property
    def missing_batches(self) -> int:
        """How many batches have no rows yet; the second stage of `--draws auto` counts as one until it is planned."""
        return super().missing_batches + self._second_stage_unplanned

    @property
    def planned_batches(self) -> int:
        """How many batches are planned, counted as in `missing_batches`."""
        return super().planned_batches + self._second_stage_unplanned

    @property
    def _second_stage_unplanned(self) -> bool:
        return self.asked["draws"] == AUTO and "level_draws" not in self.document

    def masked_gradients(self) -> list[Masked]:
        """Where another attack that may change the image no more did a model more harm than its own, beyond chance."""
        return [suspect for suspect in self.attacks.suspects if suspect.certain]

    @cached_property
    def attacks(self) -> AttacksTogether:
        """What the attacks say together."""
        volumes = self.document.get("structure_volumes", {}).get("cases", {})
        return AttacksTogether(self._frame, list(self.asked.get("attacks", {})), self.models, volumes)

    def attack_notes(self) -> list[str]:
        """The notes under the figures of attacks."""
        attacks = self.attacks
        return masking_notes(self.asked, self.metrics, attacks.norms, attacks.suspects, attacks.gradient_free)

    def raised_notes(self) -> list[str]:
        """The notes on perturbations that raise Dice above that of the unperturbed cases."""
        frame = self._frame
        if self.without_labels or self.scale is not None:
            return []
        return raised_notes(raised_scores(group_means(frame[frame["metric"] == "dice"])))

    @cached_property
    def invented(self) -> list[Invented]:
        """How often each model answers labels that the truth does not show, by perturbation and level."""
        return invented(self._frame)

    def invented_notes(self) -> list[str]:
        """The note on labels that a model answers although the truth does not show them."""
        total = len(self.cases) * len(self.spec(self.models[0]).labels)
        answers = self.invented if self.scale is None else [each for each in self.invented if each.level == 0]
        return invented_notes(answers, total)

    @property
    def failures(self) -> dict[str, str]:
        """For the id of each case that could not be used, or not everywhere, the reason."""
        failed = self._frame[(self._frame["status"] == "failed") & (self._frame["metric"] != "")]
        return {**dict(failed[["case", "reason"]].itertuples(index=False)), **super().failures}

    def memory_notes(self) -> list[str]:
        """A note where batches did not fit in memory."""
        reasons = self._frame["reason"]
        return [f"Some rows were {reason}." for reason in reasons[reasons.str.startswith(SMALLER)].unique()]

    def notes(self) -> list[str]:
        """The notes under every table: on attacks, on figures that look too good, on memory, draws and the sample."""
        return [
            *self.attack_notes(),
            *self.raised_notes(),
            *self.invented_notes(),
            *self.memory_notes(),
            *self.level_draws.notes,
            *self.severity_notes(),
            *self.sample_notes(),
        ]

    def curves(self, metric: str | None = None, *, intervals: bool = False) -> StressCurves:
        """What the table and the figure of a metric show.

        Args:
            metric: one of the run's metrics, the first by default.
            intervals: whether each mean has its interval, which takes time and only the figure shows.
        """
        metric = metric or self.metrics[0]
        measure = parse_metric(metric)
        names: Sequence[str | None] = self.domains.told_apart or [None]
        domains = [
            self._domain_curves(name, metric, intervals, higher_is_better=measure.higher_is_better) for name in names
        ]
        units = (str(unit) for domain in domains for unit in domain.rows["unit"])
        attacks = self.asked.get("attacks", {})
        asked = self.asked["perturbations"]
        sources = {name: self.models if name in attacks else [] for name in asked}
        return StressCurves(
            metric=metric,
            unit=next(units, ""),
            higher_is_better=measure.higher_is_better,
            measures_distance=measure.measures_distance,
            data=self.data,
            models=self.models,
            competing=self.attacks.competing,
            averaged=self.averaged,
            perturbations={name: {transferred(name, source): source for source in sources[name]} for name in asked},
            draws=self.level_draws.text,
            missing=self.asked["missing"],
            domains=domains,
            notes=[*self.remark_notes(), *self.notes()],
            level_names={} if self.scale is None else self.scale.texts,
            heads=self.heads,
        )

    def _domain_curves(
        self, domain: str | None, metric: str, intervals: bool, *, higher_is_better: bool
    ) -> DomainCurves:
        frame = self._of(domain)
        means = group_means(frame[frame["metric"] == metric])
        if intervals:
            rows = curve_intervals(means, higher_is_better=higher_is_better)
        else:
            rows = summarise(pd.concat([means, over_perturbations(means, self.averaged)]))
            if self.attacks.competing:
                worst_means = self.attacks.worst_means(frame, metric)
                worst = curve_intervals(worst_means, higher_is_better=higher_is_better)
                rows = pd.concat([rows, worst], ignore_index=True)
        return DomainCurves(
            name=domain,
            rows=rows,
            codes={model: codes.text for model, codes in self.codes(domain).items()},
            trained=[] if domain is None else self.domains.trained(domain),
            about="" if domain is None else self.domains.about(domain),
        )

    def summary(self) -> dict[str, Any]:
        """The figures of the table as JSON values."""
        codes = self.codes()
        document: dict[str, Any] = {
            "run": str(self.directory.path),
            "data": self.data,
            "cases": len(self.cases),
            "draws": self.asked["draws"],
            **({"level_draws": self.level_draws.numbers} if self.asked["draws"] == AUTO else {}),
            "models": {model: self._model_entry(model, codes[model]) for model in self.models},
            **({} if self.scale is None else {"severities": self.scale.texts}),
            "curves": self._curve_records(),
            "domains": [self._domain_entry(domain) for domain in self.domains.told_apart],
            "failures": self.failures,
            "masked_gradients": [suspect._asdict() for suspect in self.masked_gradients()],
            "invented": [answers._asdict() for answers in self.invented],
            **({} if self.agreement is None else self.agreement.document()),
            **self.attacks.summary(self.metrics),
            "notes": [*self.heads, *self.notes()],
        }
        return plain_document(document)

    def _model_entry(self, model: str, codes: CodesInUse) -> dict[str, Any]:
        """What the summary says of a model."""
        spec = self.spec(model)
        return {
            "quantise": str(spec.quantise),
            "training_seed": spec.training_seed,
            "codes": vars(codes),
            "remarks": list(spec.status),
        }

    def _domain_entry(self, domain: str) -> dict[str, Any]:
        """What the summary says of a domain."""
        return {
            "domain": domain,
            "about": self.domains.about(domain),
            "trained": self.domains.trained(domain),
            "cases": self.domains.cases(domain),
            "codes": {model: vars(codes) for model, codes in self.codes(domain).items()},
            "curves": self._curve_records(domain),
        }

    def _curve_records(self, domain: str | None = None) -> list[dict[str, Any]]:
        return curve_records(self.summary_frame(domain), of_levels=self.scale is None)

    def table(self, metric: str | None = None) -> "Sheet":
        """The models side by side, one section for each perturbation and domain: a rich table (`rich.print` shows it).

        Args:
            metric: one of the run's metrics, the first by default.
        """
        from robustq.report.stress_table import curve_grid

        return curve_grid(self.curves(metric)).to_rich()

    def grids(self) -> "list[Grid]":
        """All tables: one for each metric, then those beside them."""
        from robustq.report.stress_table import curve_grid

        return [*(curve_grid(self.curves(metric)) for metric in self.metrics), *self.grids_beside()]

    def grids_beside(self, *, highest: bool = False) -> "list[Grid]":
        """The tables that only a run without labels has, that by size where there were attacks, and that of quality.

        Args:
            highest: whether those of a run without labels show the highest level alone.
        """
        from robustq.report.size_table import size_grid

        grids = [] if self.agreement is None else self.agreement.grids(highest=highest)
        sizes = self.attacks.by_size
        if len(sizes):
            unit = self.document["structure_volumes"]["unit"]
            grids.append(size_grid(sizes, self.models, self.data, unit))
        if self.asked.get("quality", False):
            grids.append(quality_grid(self._frame, self.data, self.level_text))
        return grids

    def _repr_html_(self) -> str:
        return in_notebook(self.grids())

    def plot(self, metric: str | None = None) -> "Figure":
        """A metric against level, a panel for each perturbation and domain: a matplotlib figure (`savefig` writes it).

        Args:
            metric: one of the run's metrics, the first by default.
        """
        from robustq.report.stress_figure import curve_figure

        return curve_figure(self.curves(metric, intervals=True))

    def draw(self) -> None:
        """Write the figure of every metric as PNG and PDF into `curves/` of the run directory."""
        FigureFiles(self.directory.path / "curves").write(self.plots)

    def plots(self) -> "Mapping[str, Figure]":
        """The figure of every metric, by metric."""
        return {metric: self.plot(metric) for metric in self.metrics}
