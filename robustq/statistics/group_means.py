"""Averages the rows of a run into the rows of a table (docs/definitions.md, Segmentation metrics)."""

from typing import NamedTuple

import numpy as np
import pandas as pd

GROUP = ("dataset", "group")
"""The columns that identify a group. The group is the unit of every statistic."""

UNANSWERED = ("no-answer", "failed")
"""Status of a row of a metric whose answer is not finite, or could not be computed."""

_COUNTS = ("missed", "unanswered")

CURVE = ("model", "training_seed", "perturbation", "level", "metric", "unit")
"""The columns that identify a point of a curve."""


class Description(NamedTuple):
    """What a table says of a sample: number of values, mean, sample sd (NaN for one value), median, quartiles."""

    size: int
    mean: float
    sd: float
    median: float
    q1: float
    q3: float


def scores(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of scores: without cases that were not used, values that only a figure needs, and counts of codes."""
    return frame[(frame["status"] != "figure") & ~frame["metric"].isin(["", "code_usage"])]


def group_means(frame: pd.DataFrame, *, by_label: bool = False) -> pd.DataFrame:
    """One value for each group: the mean over draws, then over scored labels, then over the cases of the group.

    Args:
        frame: rows of runs, with the columns of `robustq.results.rows.Row`.
        by_label: keep the labels apart.

    Returns:
        The columns model, training_seed, perturbation, level, metric, unit (, label), dataset, group, by which the rows
        are sorted; `value`, NaN if no row has a value and infinite if one is infinite; `missed`, the number of rows in
        which the label was missed; `unanswered`, the number of rows without an answer, which are part of no mean.
    """
    curve = [*CURVE, "label"] if by_label else list(CURVE)
    # Sums of floats depend on their order, and a resumed run stores its rows in another order.
    rows = scores(frame).sort_values("draw", kind="stable")
    rows = rows.assign(missed=rows["status"] == "missed", unanswered=rows["status"].isin(UNANSWERED))
    per_label = _reduce(rows, [*CURVE, "label", *GROUP, "case"])
    per_case = per_label if by_label else _reduce(per_label, [*CURVE, *GROUP, "case"])
    return _reduce(per_case, [*curve, *GROUP])


def summarise(means: pd.DataFrame) -> pd.DataFrame:
    """Describe the groups in one table row for each model, perturbation, level and metric (and label).

    Args:
        means: what `group_means` gave, or some of its rows, such as those of one domain.

    Returns:
        The columns before `dataset`, then `groups`, the number of groups that have a value, `mean`, sample `sd` (NaN
        for one group), `median`, `q1`, `q3`, `missed` and `unanswered`. If a value is infinite, the mean is infinite
        and the sd is NaN: print the median and the quartiles there.
    """
    curve = [name for name in means.columns if name not in (*GROUP, "value", *_COUNTS)]
    rows = []
    for key, groups in means.groupby(curve, dropna=False):
        count, *described = describe(groups["value"].to_numpy(float))
        rows.append([*key, count, *described, *(groups[name].sum() for name in _COUNTS)])
    return pd.DataFrame(rows, columns=[*curve, "groups", *Description._fields[1:], *_COUNTS])


def answered_means(curve: pd.DataFrame) -> np.ndarray:
    """The means of a curve, NaN at a level where an answer is missing: the sample there is another than elsewhere.

    Args:
        curve: what `summarise` gave, or some of its rows.
    """
    return curve["mean"].where(curve["unanswered"] == 0).to_numpy(float)


def describe(values: np.ndarray) -> Description:
    """Describe the values that are not NaN; infinite values are kept."""
    values = np.sort(values[~np.isnan(values)])
    if values.size == 0:
        return Description(0, *[np.nan] * 5)
    spread = values.size > 1 and bool(np.isfinite(values).all())
    return Description(
        size=values.size,
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if spread else np.nan,
        median=_quantile(values, 0.5),
        q1=_quantile(values, 0.25),
        q3=_quantile(values, 0.75),
    )


def _quantile(ordered: np.ndarray, share: float) -> float:
    """Linearly interpolated quantile; NumPy's would be NaN next to an infinite value."""
    place = share * (len(ordered) - 1)
    low, high = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
    return float(low if low == high else low + (place % 1) * (high - low))


def _reduce(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return rows.groupby(keys, dropna=False, as_index=False).agg(
        value=("value", "mean"), **{name: (name, "sum") for name in _COUNTS}
    )
