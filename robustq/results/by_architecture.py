"""Tables of architectures from runs of several training seeds."""

from collections.abc import Mapping, Sequence

import pandas as pd

from robustq.metric import parse_metric
from robustq.report.architecture_table import architecture_grid
from robustq.report.grid import Grid
from robustq.report.sample_notes import ONE_NETWORK
from robustq.results.several_runs import caption_of, join, remarks, shared_heads
from robustq.results.stress_run import Run
from robustq.statistics import summarise_by_architecture


def shared_metrics(runs: Sequence[Run]) -> list[str]:
    """The metrics that all runs have, in the order of the first."""
    return [metric for metric in runs[0].metrics if all(metric in run.metrics for run in runs)]


def notes_on(runs: Sequence[Run]) -> list[str]:
    """Notes on models and sample, without those that several training seeds make void."""
    return [*shared_heads(runs), *(note for note in remarks(runs) if note != ONE_NETWORK)]


def by_architecture(runs: Sequence[Run], names: Mapping[str, str], *, per_label: bool = False) -> pd.DataFrame:
    """The mean over training seeds of each architecture at each level.

    Args:
        runs: runs with the same cases, levels and noise.
        names: for the name of each model, the name of its architecture.
        per_label: whether each label stands by itself.
    """
    for run in runs:
        run.require_levels("architectures are compared")
    rows = join(runs)
    rows = rows[rows["metric"].isin(shared_metrics(runs)) | (rows["status"] == "failed")]
    return summarise_by_architecture(rows, names, by_label=per_label)


def by_architecture_grids(runs: Sequence[Run], table: pd.DataFrame) -> list[Grid]:
    """A table for each metric; `table` is what `by_architecture` gave for these runs."""
    notes = notes_on(runs)
    return [
        architecture_grid(
            table,
            metric,
            caption=caption_of(runs, metric),
            notes=notes,
            distance=parse_metric(metric).measures_distance,
        )
        for metric in shared_metrics(runs)
    ]
