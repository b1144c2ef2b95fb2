"""The means of a model and of a baseline over the same rows, side by side by group."""

import pandas as pd

from robustq.errors import RequestError, unknown
from robustq.statistics.group_means import GROUP, group_means, scores
from robustq.statistics.same_cases import check_alike, without_transfers

_ROW = [*GROUP, "case", "perturbation", "level", "draw", "label", "metric", "unit"]


def paired_means(frame: pd.DataFrame, baseline: str, *, by_label: bool = False) -> dict[str, pd.DataFrame]:
    """For each model but the baseline, its group means beside those of the baseline.

    A row is used only if both models have a value for it. The other rows are left out before anything is averaged.

    Args:
        frame: rows of one run or several, with the columns of `robustq.results.rows.Row`; rows of transferred attacks
            are left out.
        baseline: name of the model that the others are compared with.
        by_label: keep the labels apart.

    Returns:
        Name of a model -> what `group_means` gives, with the columns `baseline_value`, `baseline_missed`
            and `baseline_unanswered`;
        perturbations in the order in which the rows first name them.

    Raises:
        RequestError: as `robustq.statistics.compare`.
    """
    names = [str(name) for name in frame["model"].unique()]
    if baseline not in names:
        raise unknown("model", baseline, names)
    if len(names) == 1:
        raise RequestError(f"{baseline!r} is the only model in these rows: give a run of another one to compare with")
    frame = without_transfers(frame)
    rows_of_baseline = _rows_of(baseline, frame)
    order = {name: place for place, name in enumerate(frame["perturbation"].unique())}
    means_of = {}
    for name in names:
        if name == baseline:
            continue
        rows = _rows_of(name, frame)
        check_alike(rows, rows_of_baseline)
        means = _side_by_side(rows, rows_of_baseline, by_label)
        means_of[name] = means.sort_values("perturbation", key=lambda names: names.map(order), kind="stable")
        if means_of[name].empty:
            raise RequestError(
                f"{name!r} and {baseline!r} have no metric in common: stress both with the same --metrics"
            )
    return means_of


def comparable_rows(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each model, once all models are known to have seen the same cases, levels and noise.

    Args:
        frame: as in `paired_means`.

    Raises:
        RequestError: as `robustq.statistics.compare`; or there is a single model.
    """
    frame = without_transfers(frame)
    names = [str(name) for name in frame["model"].unique()]
    if len(names) < 2:
        raise RequestError(f"{' '.join(names) or 'nobody'} is the only model in these rows: give a run of another one")
    rows = {name: _rows_of(name, frame) for name in names}
    first, *others = rows.values()
    for other in others:
        check_alike(other, first)
    return rows


def _rows_of(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[frame["model"] == name]
    seeds = rows["training_seed"].unique()
    if len(seeds) > 1:
        seed_list = ", ".join(map(str, seeds))
        raise RequestError(
            f"{name!r} stands for {len(seeds)} trained networks (training seeds {seed_list}): give each its own name"
        )
    rows = rows.drop_duplicates([*_ROW, "seed", "parameters", "value", "status"])
    scored = scores(rows)
    repeated = scored[scored.duplicated(_ROW)]
    if len(repeated):
        row = repeated.iloc[0]
        where = ", ".join(f"{column} {row[column]}" for column in _ROW if row[column] != "")
        raise RequestError(
            f"{name!r} has two different values for {where}: compare only runs in which this name stands for the same "
            "model"
        )
    return rows


def _side_by_side(model: pd.DataFrame, baseline: pd.DataFrame, by_label: bool) -> pd.DataFrame:
    """The group means of model and baseline, side by side, over the rows in which both have a value."""
    both = scores(model).merge(scores(baseline), on=_ROW, suffixes=("", "_baseline"))
    valid = both["value"].notna() & both["value_baseline"].notna()
    sides = [
        both.assign(model="", training_seed=0, value=both[f"value{side}"].where(valid), status=both[f"status{side}"])
        for side in ("", "_baseline")
    ]
    model_means, baseline_means = (group_means(side, by_label=by_label) for side in sides)
    columns = ("value", "missed", "unanswered")
    return model_means.assign(**{f"baseline_{name}": baseline_means[name] for name in columns})
