"""The result of a comparison of models with a baseline: paired differences, in one run or several."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from robustq.errors import RequestError
from robustq.metric import parse_metric
from robustq.report.baseline_table import comparison_grid
from robustq.report.in_notebook import in_notebook
from robustq.report.numbers import with_unit
from robustq.report.robustness_table import robustness_grid, robustness_verdicts
from robustq.results.open_runs import AnyRun, open_runs
from robustq.results.several_runs import caption_of, join, remarks, seed_notes, shared_heads
from robustq.results.stress_run import Run
from robustq.statistics import compare as compare_levels
from robustq.statistics import compare_robustness

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from robustq.report.grid import Grid, Sheet


@dataclass(frozen=True)
class Differences:
    """What `robustq.compare` returns.

    Attributes:
        runs: the runs, read as one.
        baseline: name of the model that the others are compared with.
        per_label: whether the differences at each level are those of each label.
    """

    runs: Sequence[Run]
    baseline: str
    per_label: bool = False

    @cached_property
    def metrics(self) -> list[str]:
        """The metrics that all runs have, in the order of the first run."""
        first, *others = self.runs
        return [metric for metric in first.metrics if all(metric in run.metrics for run in others)]

    @cached_property
    def _rows(self) -> pd.DataFrame:
        rows = join(self.runs)
        if not self.metrics:
            measured = "; ".join(f"{run.directory.path}: {', '.join(run.metrics)}" for run in self.runs)
            raise RequestError(
                f"the runs have no metric in common ({measured}), so nothing can be compared: stress the models with "
                "the same --metrics"
            )
        return rows

    @property
    def heads(self) -> list[str]:
        """What a reader must know before the figures, such as that no truth was used."""
        return shared_heads(self.runs)

    @cached_property
    def notes(self) -> list[str]:
        """Notes on models and sample."""
        return remarks(self.runs) + seed_notes(self.runs, self.baseline)

    def to_frame(self) -> pd.DataFrame:
        """The differences at each level, with their tests; columns as `robustq.statistics.compare` gives them."""
        return self._levels.copy()

    @cached_property
    def _levels(self) -> pd.DataFrame:
        wanted = self._rows["metric"].isin(self.metrics) | (self._rows["status"] == "failed")
        return compare_levels(self._rows[wanted], self.baseline, by_label=self.per_label)

    def robustness(self, metric: str | None = None) -> pd.DataFrame:
        """The differences in drop, retention and AUDC, as `robustq.statistics.compare_robustness` gives them.

        Args:
            metric: one of the metrics, the first by default.
        """
        metric = metric or self.metrics[0]
        if self.runs[0].scale is not None:
            return pd.DataFrame()  # there are targets in the place of levels, and no curve over levels
        rows = self._rows[(self._rows["metric"] == metric) | (self._rows["status"] == "failed")]
        averaged = self.runs[0].without_attacks  # runs that are compared have the same perturbations
        better = parse_metric(metric).higher_is_better
        return compare_robustness(rows, self.baseline, averaged=averaged, higher_is_better=better)

    def verdicts(self, metric: str | None = None) -> list[str]:
        """For each model, what it loses from level 0 on, compared with the baseline, as `robustness_verdicts` says it.

        Args:
            metric: one of the metrics, the first by default.
        """
        metric = metric or self.metrics[0]
        better, robustness = parse_metric(metric).higher_is_better, self.robustness(metric)
        if robustness.empty:
            return []
        return robustness_verdicts(robustness, metric, self._unit(metric), higher_is_better=better)

    def grids(self, metric: str | None = None) -> "list[Grid]":
        """The tables of a metric: what is lost from level 0 on, then each level.

        Args:
            metric: one of the metrics, the first by default. The verdicts stand above its first table.
        """
        metric = metric or self.metrics[0]
        measure, unit, robustness = parse_metric(metric), self._unit(metric), self.robustness(metric)
        caption = caption_of(self.runs, metric)
        levels = comparison_grid(
            self._levels,
            metric,
            caption=caption,
            notes=self.notes,
            distance=measure.measures_distance,
            level_text=self.runs[0].level_text,
        )
        if robustness.empty:
            return [replace(levels, heads=self.heads)]
        better = measure.higher_is_better
        verdicts = robustness_verdicts(robustness, metric, unit, higher_is_better=better)
        summary = robustness_grid(
            robustness,
            metric,
            unit,
            caption=caption,
            higher_is_better=better,
            distance=measure.measures_distance,
            heads=[*self.heads, *verdicts],
        )
        return [summary, levels]

    def table(self, metric: str | None = None) -> "Sheet":
        """The verdicts and the tables of a metric: a rich renderable (`rich.print` shows it).

        Args:
            metric: one of the metrics, the first by default.
        """
        from robustq.report.grid import Sheet

        return Sheet(*(grid.to_rich() for grid in self.grids(metric)))

    def plot(self, metric: str | None = None) -> "Figure":
        """The differences at each level, a panel for each perturbation: a matplotlib figure (`savefig` writes it).

        Args:
            metric: one of the metrics, the first by default.
        """
        from robustq.report.difference_figure import difference_figure

        metric = metric or self.metrics[0]
        rows, unit = self._levels[self._levels["metric"] == metric], self._unit(metric)
        name = with_unit(metric, unit)
        models = list(dict.fromkeys(model for run in self.runs for model in run.models))
        better = parse_metric(metric).higher_is_better
        scale = self.runs[0].scale
        return difference_figure(
            rows,
            name,
            self.baseline,
            models=models,
            higher_is_better=better,
            level_names=None if scale is None else scale.texts,
        )

    def _repr_html_(self) -> str:
        return in_notebook([grid for metric in self.metrics for grid in self.grids(metric)])

    def _unit(self, metric: str) -> str:
        units = self._levels.loc[self._levels["metric"] == metric, "unit"].unique()
        return str(units[0])


def compare(runs: AnyRun | Sequence[AnyRun], baseline: str, *, per_label: bool = False) -> Differences:
    """Compare the models of stress runs with a baseline, paired by group (docs/definitions.md, Comparing two models).

    Args:
        runs: a run or its directory, or several that have the same cases, levels and noise.
        baseline: name of the model that the others are compared with.
        per_label: compare each label by itself at each level.

    Raises:
        RequestError: there is no run, a run is not finished, the rows of two runs or models cannot be paired, or no
            model has this name.
    """
    differences = Differences(open_runs(runs, "to compare"), baseline, per_label)
    differences.to_frame()  # what cannot be compared is refused here, and not when a table is asked for
    return differences
