"""The ranking of the models of stress runs on the same data, by AUDC of Dice (docs/definitions.md, Ranking)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from robustq.errors import RequestError
from robustq.report.ranking_table import ranking_grid
from robustq.results.open_runs import AnyRun, open_runs
from robustq.results.several_runs import join, remarks
from robustq.statistics.ranking import Ranks, rank_models

if TYPE_CHECKING:
    from robustq.report.grid import Grid, Sheet

METRIC = "dice"
"""The metric whose AUDC ranks."""


@dataclass(frozen=True)
class Ranking:
    """What `robustq.ranking` returns.

    Attributes:
        data: name of the dataset.
        domains: the ranks in each domain, by its name; one entry, "", if the cases are of one domain.
        notes: notes on models and sample.
    """

    data: str
    domains: Mapping[str, Ranks]
    notes: Sequence[str] = ()

    def to_frame(self) -> pd.DataFrame:
        """A row for each domain and model: domain, model, rank, best_rank, worst_rank, groups, audc, low, high."""
        return self._joined({domain: ranks.models for domain, ranks in self.domains.items()})

    def pairs(self) -> pd.DataFrame:
        """A row for each domain and pair of models, with its test; columns as in `robustq.statistics.ranking.Ranks`."""
        return self._joined({domain: ranks.pairs for domain, ranks in self.domains.items()})

    def _joined(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        named = []
        for domain, table in tables.items():
            named.append(table.copy())
            named[-1].insert(0, "domain", domain)
        return pd.concat(named, ignore_index=True)

    def grid(self, notes: bool = True) -> "Grid":
        """The table.

        Args:
            notes: whether the notes on models and sample stand below it, after those on the ranking.
        """
        return ranking_grid(self.domains, METRIC, self.data, self.notes if notes else ())

    def table(self) -> "Sheet":
        """The table: a rich renderable (`rich.print` shows it)."""
        return self.grid().to_rich()


def ranking(runs: AnyRun | Sequence[AnyRun]) -> Ranking:
    """Rank the models of stress runs by AUDC of Dice, with the places that significance leaves open.

    Args:
        runs: a run or its directory, or several that have the same cases, levels and noise.

    Raises:
        RequestError: there are fewer than two models, a run is not finished, has no Dice, or the rows of two runs or
            models cannot be paired.
    """
    opened = open_runs(runs, "to rank")
    for run in opened:
        run.require_truth("models are ranked")
        run.require_levels("models are ranked")
    without = [str(run.directory.path) for run in opened if METRIC not in run.metrics]
    if without:
        raise RequestError(f"{', '.join(without)} has no {METRIC}, by which models are ranked: add it to --metrics")
    names = [model for run in opened for model in run.models]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RequestError(f"the runs have several models called {', '.join(twice)}: give each its own name")
    rows = join(opened)
    rows = rows[(rows["metric"] == METRIC) | (rows["status"] == "failed")]
    domains = opened[0].domains.told_apart
    ranks = {name: rank_models(rows[rows["domain"] == name] if domains else rows) for name in domains or [""]}
    pooled = [note for run in opened for note in run.pooled_notes()]
    return Ranking(opened[0].data, ranks, [note for note in remarks(opened) if note not in pooled])
