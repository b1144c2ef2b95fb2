"""Means of each level with their intervals, and what is lost since level 0 (docs/definitions.md, Robustness)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from robustq.statistics.bootstrap import bootstrap_intervals
from robustq.statistics.group_means import GROUP, summarise

_CURVE = ("model", "training_seed", "perturbation", "metric", "unit", "label")


def curve_intervals(means: pd.DataFrame, *, higher_is_better: bool) -> pd.DataFrame:
    """Describe each level of each curve, with the 95 % interval of its mean and of the drop since level 0.

    Args:
        means: what `group_means` gave for one metric, by label or not.
        higher_is_better: whether a larger value of the metric is a better one.

    Returns:
        What `summarise` gives, sorted by level within a curve, with further columns: `low` and `high`, the interval of
        the mean; `drop`, the mean over the groups that have a value at both levels of what was lost since level 0, with
        `drop_low` and `drop_high`; `retention`, the mean divided by that at level 0. NaN where there is no value.
    """
    curve = [name for name in _CURVE if name in means]
    table = summarise(means)
    identity = [name for name in means.columns if name not in (*GROUP, "value", "missed")]
    # The rows of the table are in the order of these groups.
    places = means.groupby(identity, dropna=False).ngroup().to_numpy()
    groups = means.groupby(list(GROUP)).ngroup().to_numpy()
    values = np.full((int(groups.max(initial=-1)) + 1, len(table)), np.nan)
    values[groups, places] = means["value"].to_numpy(float)
    curves = [int(number) for number in table.groupby(curve, dropna=False).ngroup()]
    at_zero_of = {curves[place]: place for place in np.flatnonzero(table["level"].to_numpy(float) == 0).tolist()}
    clean = [at_zero_of.get(number) for number in curves]
    sign = 1 if higher_is_better else -1
    with np.errstate(invalid="ignore"):
        drops = sign * (_columns(values, clean) - values)
    table["low"], table["high"] = _intervals(values)
    table["drop"] = [_mean(drops[:, column]) for column in range(drops.shape[1])]
    table["drop_low"], table["drop_high"] = _intervals(drops)
    at_zero = table["mean"].to_numpy(float)[[place if place is not None else 0 for place in clean]]
    at_zero = np.where([place is not None for place in clean], at_zero, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        retained = table["mean"].to_numpy(float) / at_zero
    table["retention"] = np.where(np.isfinite(retained), retained, np.nan)
    return table.sort_values([*curve, "level"], kind="stable", ignore_index=True)


def _columns(values: Float[np.ndarray, "g k"], places: Sequence[int | None]) -> Float[np.ndarray, "g k"]:
    """The columns at these places, NaN where there is none."""
    columns = np.full((len(values), len(places)), np.nan)
    for column, place in enumerate(places):
        if place is not None:
            columns[:, column] = values[:, place]
    return columns


def _mean(values: Float[np.ndarray, " g"]) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if present.size else np.nan


def _intervals(values: Float[np.ndarray, "g k"]) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """The interval of each column's mean over the groups that have a value; NaN where a value is infinite."""
    low, high = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    patterns: dict[bytes, list[int]] = {}
    for column, present in enumerate(~np.isnan(values.T)):
        if not np.isinf(values[:, column]).any():
            patterns.setdefault(present.tobytes(), []).append(column)
    for pattern, columns in patterns.items():
        present = np.frombuffer(pattern, bool)
        low[columns], high[columns] = bootstrap_intervals(values[present][:, columns])
    return low, high
