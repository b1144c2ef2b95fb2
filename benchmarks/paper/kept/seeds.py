"""Means over training seeds and patients, with what is uncertain about them."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import number, percent
from robustq.statistics.bootstrap import bootstrap_interval
from robustq.statistics.group_means import group_means

NOTE = (
    "A cell: mean over training seeds and patients, in brackets its 95 % bootstrap interval over patients, and after ± "
    "the standard deviation over the training seeds."
)


def with_networks(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the columns `network` and `training`: a model is called "NAME seedN", or "NAME seedN@map"."""
    names = rows["model"].str.extract(r"^(?P<network>.*) (?P<training>seed\d+)(?P<variant>@\w+)?$")
    return rows.assign(network=names["network"] + names["variant"].fillna(""), training=names["training"])


def patient_means(frames: Sequence[pd.DataFrame], metrics: Sequence[str]) -> pd.DataFrame:
    """One value for each network, training seed, patient, perturbation, level and metric."""
    rows = pd.concat(list(frames), ignore_index=True)
    return with_networks(group_means(rows[rows["metric"].isin(metrics)]))


def cell(means: pd.DataFrame, digits: int = 3) -> str:
    """What `NOTE` says, of values with the columns `group` and `training`; – where there is none.

    A patient without a value in one of the trainings is left out.
    """
    table = means.pivot_table(index="group", columns="training", values="value").dropna()
    if table.empty:
        return "–"
    values = table.to_numpy(float)
    low, high = bootstrap_interval(values.mean(1)[:, None], lambda resampled: resampled[:, 0])
    interval = f"{number(float(values.mean()), digits)} [{number(low, digits)}, {number(high, digits)}]"
    if len(table.columns) < 2:
        return interval
    return f"{interval} ±\N{NO-BREAK SPACE}{number(float(values.mean(0).std(ddof=1)), digits)}"


def metrics_grid(
    title: str,
    means: pd.DataFrame,
    columns: Mapping[str, str],
    notes: Sequence[str],
    digits: Mapping[str, int] = MappingProxyType({}),
) -> Grid:
    """A section for each perturbation, a line for each network and level, a column for each metric.

    Args:
        title: title of the table.
        means: what `patient_means` gave.
        columns: names of metrics and their headers.
        notes: notes, after `NOTE`.
        digits: decimal places of those metrics that have other than 3.
    """
    sections = []
    for perturbation, under in means.groupby("perturbation", sort=False):
        lines = [
            [
                network,
                percent(level),
                *(cell(chosen[chosen["metric"] == metric], digits.get(metric, 3)) for metric in columns),
            ]
            for (network, level), chosen in under.groupby(["network", "level"])
        ]
        sections.append((str(perturbation), lines))
    return Grid(title, ["network", "level", *columns.values()], sections, [NOTE, *notes], names=2)
