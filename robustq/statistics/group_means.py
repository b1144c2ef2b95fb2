"""From the rows of a run to the rows of a table (definitions: segmentation metrics)."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from robustq.errors import RequestError
from robustq.statistics.same_cases import check_alike, without_transfers

GROUP = ("dataset", "group")
"""The columns that tell one group from another: the unit of every statistic."""

FEWEST_SEEDS = 3
"""Trained networks that a claim about an architecture needs."""

_CURVE = ("model", "training_seed", "perturbation", "level", "metric", "unit")


class Description(NamedTuple):
    """What a table says of a sample: number, mean, sample sd (NaN for one value), median and quartiles."""

    size: int
    mean: float
    sd: float
    median: float
    q1: float
    q3: float


def scores(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows that hold a score: no case that failed, no value that only a figure needs, and no count of codes."""
    return frame[~frame["status"].isin(["failed", "figure"]) & (frame["metric"] != "code_usage")]


def group_means(frame: pd.DataFrame, *, by_label: bool = False) -> pd.DataFrame:
    """One value a group: the mean over draws, then scored labels, then the cases of the group.

    Args:
        frame: rows of runs, with the columns of `robustq.results.rows.Row`.
        by_label: keep the labels apart.

    Returns:
        model, training_seed, perturbation, level, metric, unit (, label), dataset, group; `value`, NaN where
        no row has one and infinite where one is; `missed`, in how many rows the label was missed. Sorted by these.
    """
    curve = [*_CURVE, "label"] if by_label else list(_CURVE)
    # Sums of floats depend on their order, and a resumed run stores its rows in another one.
    rows = scores(frame).sort_values("draw", kind="stable")
    rows = rows.assign(missed=rows["status"] == "missed")
    per_label = _reduce(rows, [*_CURVE, "label", *GROUP, "case"])
    per_case = per_label if by_label else _reduce(per_label, [*_CURVE, *GROUP, "case"])
    return _reduce(per_case, [*curve, *GROUP])


def summarise(means: pd.DataFrame) -> pd.DataFrame:
    """One table row for each model, perturbation, level and metric (and label), over the groups.

    Args:
        means: what `group_means` gave, or a part of it, such as one domain.

    Returns:
        The columns before `dataset`, then `groups` that have a value, `mean`, sample `sd` (NaN for one group),
        `median`, `q1`, `q3` and `missed`. An infinite value makes the mean infinite and leaves no sd: print the median
        and the quartiles there.
    """
    curve = [name for name in means.columns if name not in (*GROUP, "value", "missed")]
    rows = []
    for key, part in means.groupby(curve, dropna=False):
        count, *described = describe(part["value"].to_numpy(float))
        rows.append([*key, count, *described, part["missed"].sum()])
    return pd.DataFrame(rows, columns=[*curve, "groups", *Description._fields[1:], "missed"])


def summarise_by_architecture(
    frame: pd.DataFrame, architecture_of: Mapping[str, str], *, by_label: bool = False
) -> pd.DataFrame:
    """One table row an architecture: each trained network's mean over groups, then mean and sample sd over networks.

    The trained networks are the sample, not the groups: cases are never pooled across training seeds.

    Args:
        frame: rows of runs, with the columns of `robustq.results.rows.Row`.
        architecture_of: name of a model -> name of its architecture. Models that are not named are left out, and so
            are transferred attacks.
        by_label: keep the labels apart.

    Returns:
        architecture, perturbation, level, metric, unit (, label); `seeds`, `groups` behind each network, `mean`, `sd`,
        `missed`; `note`, which says where the seeds are too few for a claim about the architecture.

    Raises:
        RequestError: no model is named; two networks of one architecture have the same training seed, or were
            stressed with different cases, levels or draws.
    """
    frame = without_transfers(frame[frame["model"].isin(list(architecture_of))])
    if frame.empty:
        raise RequestError(f"none of the models {', '.join(architecture_of) or '(none given)'} stands in these rows")
    frame = frame.assign(architecture=frame["model"].map(dict(architecture_of)))
    for name, part in frame.groupby("architecture"):
        _check_seeds(str(name), part)
    networks = summarise(group_means(frame, by_label=by_label))
    networks = networks.assign(architecture=networks["model"].map(dict(architecture_of)))
    curve = ["architecture", *_CURVE[2:], *(["label"] if by_label else [])]
    rows = []
    for key, part in networks.groupby(curve, dropna=False):
        described = describe(part["mean"].to_numpy(float))
        seeds = described.size
        few = f"{seeds} of at least {FEWEST_SEEDS} training seeds: too few for a claim about the architecture."
        rows.append(
            {
                **dict(zip(curve, key, strict=True)),
                "seeds": seeds,
                "groups": part["groups"].min(),
                "mean": described.mean,
                "sd": described.sd,
                "missed": part["missed"].sum(),
                "note": "" if seeds >= FEWEST_SEEDS else few,
            }
        )
    return pd.DataFrame(rows)


def describe(values: np.ndarray) -> Description:
    """The description of the values that are not NaN; infinite ones are kept."""
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
    """Linearly interpolated; NumPy's is NaN beside an infinite value."""
    place = share * (len(ordered) - 1)
    low, high = ordered[int(np.floor(place))], ordered[int(np.ceil(place))]
    return float(low if low == high else low + (place % 1) * (high - low))


def _reduce(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return rows.groupby(keys, dropna=False, as_index=False).agg(value=("value", "mean"), missed=("missed", "sum"))


def _check_seeds(architecture: str, frame: pd.DataFrame) -> None:
    networks = dict(list(frame.groupby(["model", "training_seed"], dropna=False)))
    named: dict[str, str] = {}
    for model, seed in networks:
        if str(seed) in named:
            raise RequestError(
                f"{named[str(seed)]!r} and {model!r}, both {architecture}, have the training seed {seed}: "
                "they are no two samples of training, leave one out"
            )
        named[str(seed)] = str(model)
    first, *others = networks.values()
    for other in others:
        check_alike(other, first)
