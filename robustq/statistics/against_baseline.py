"""Models against a baseline, paired by group (docs/definitions.md, Comparing two models)."""

import numpy as np
import pandas as pd

from robustq.errors import RequestError, unknown
from robustq.statistics.bootstrap import CONFIDENCE, RESAMPLES
from robustq.statistics.group_means import GROUP, describe, group_means, scores
from robustq.statistics.paired_tests import (
    INFINITE,
    SignedRank,
    holm,
    paired_difference,
    signed_rank,
    smallest_attainable_p,
)
from robustq.statistics.same_cases import check_alike, without_transfers

_ROW = [*GROUP, "case", "perturbation", "level", "draw", "label", "metric", "unit"]
_SIDE = ("mean", "median", "q1", "q3")


def compare(
    frame: pd.DataFrame,
    baseline: str,
    *,
    by_label: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """Every other model minus the baseline, for each perturbation, level and metric that both have.

    A value that one side lacks (`missing=drop`) is left out on the other, row by row, before anything is averaged.

    The family that Holm's correction is over: one model beside the baseline and one metric, all perturbations and
    levels above 0, times the labels if kept apart. Level 0 is one test outside of it, the same under every
    perturbation; with labels kept apart it is corrected over these.

    Args:
        frame: rows of one run or several, with the columns of `robustq.results.rows.Row`; transferred attacks are left
            out.
        baseline: name of the model that is subtracted.
        by_label: keep the labels apart.
        resamples: bootstrap resamples of the groups.
        seed: of the resampling, the same for every row.
        confidence: nominal coverage of the intervals.

    Returns:
        model, baseline, metric, unit, perturbation, level (, label); `groups`; `mean`, `median`, `q1`, `q3`, `missed`
        of the model and with `baseline_` before them of the baseline; `difference`, `low`, `high`, `p`, `p_holm`, NaN
        where there is none, and `note`, which says why or what limits them.

    Raises:
        RequestError: the baseline is not among the models or alone; a name stands for several trained networks; a row
            stands twice with different values; the cases, levels, draws, seeds or labels of two models differ; or no
            metric is common to them.
    """
    names = [str(name) for name in frame["model"].unique()]
    if baseline not in names:
        raise unknown("model", baseline, names)
    if len(names) == 1:
        raise RequestError(f"{baseline!r} is the only model in these rows: give a run of another one to compare with")
    frame = without_transfers(frame)
    models = {name: _rows_of(name, frame) for name in names}
    tables = []
    for name in names:
        if name == baseline:
            continue
        check_alike(models[name], models[baseline])
        means = _paired_means(models[name], models[baseline], by_label)
        if means.empty:
            raise RequestError(
                f"{name!r} and {baseline!r} have no metric in common: stress both with the same --metrics"
            )
        for metric, part in means.groupby("metric"):
            tests = _tests(part, by_label, resamples, seed, confidence)
            tests.insert(0, "metric", metric)
            tests.insert(0, "baseline", baseline)
            tests.insert(0, "model", name)
            tables.append(tests)
    return pd.concat(tables, ignore_index=True)


def _rows_of(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    rows = frame[frame["model"] == name]
    seeds = rows["training_seed"].unique()
    if len(seeds) > 1:
        told = ", ".join(map(str, seeds))
        raise RequestError(
            f"{name!r} stands for {len(seeds)} trained networks (training seeds {told}): give each a name of its own"
        )
    rows = rows.drop_duplicates([*_ROW, "seed", "parameters", "value", "status"])
    twice = scores(rows)
    twice = twice[twice.duplicated(_ROW)]
    if len(twice):
        where = ", ".join(f"{column} {twice.iloc[0][column]}" for column in _ROW if twice.iloc[0][column] != "")
        raise RequestError(f"{name!r} has two different values for {where}: compare runs of one and the same model")
    return rows


def _paired_means(model: pd.DataFrame, baseline: pd.DataFrame, by_label: bool) -> pd.DataFrame:
    """The group means of both, side by side, over the rows in which both have a value."""
    both = scores(model).merge(scores(baseline), on=_ROW, suffixes=("", "_baseline"))
    valid = both["value"].notna() & both["value_baseline"].notna()
    sides = [
        both.assign(model="", training_seed=0, value=both[f"value{side}"].where(valid), status=both[f"status{side}"])
        for side in ("", "_baseline")
    ]
    first, second = (group_means(side, by_label=by_label) for side in sides)
    return first.assign(baseline_value=second["value"], baseline_missed=second["missed"])


def _tests(means: pd.DataFrame, by_label: bool, resamples: int, seed: int, confidence: float) -> pd.DataFrame:
    """One row for each test of one metric, its family corrected."""
    keys = ["unit", "perturbation", "level", *(["label"] if by_label else [])]
    rows = []
    # One infinite distance makes medians of the whole metric, so that no test of it stands beside them.
    infinite = bool(np.isinf(means[["value", "baseline_value"]].to_numpy(float)).any())
    for key, part in means.groupby(keys):
        sides = [part[column].to_numpy(float) for column in ("value", "baseline_value")]
        difference = paired_difference(*sides, resamples=resamples, seed=seed, confidence=confidence)
        test = SignedRank(np.nan, INFINITE) if infinite else signed_rank(*sides)
        described = [describe(values) for values in sides]
        rows.append(
            {
                **dict(zip(keys, key, strict=True)),
                "groups": difference.groups,
                **{column: getattr(described[0], column) for column in _SIDE},
                "missed": part["missed"].sum(),
                **{f"baseline_{column}": getattr(described[1], column) for column in _SIDE},
                "baseline_missed": part["baseline_missed"].sum(),
                "difference": difference.estimate,
                "low": difference.low,
                "high": difference.high,
                "p": test.p,
                "p_holm": np.nan,
                "differing": int(np.count_nonzero(np.nan_to_num(sides[0] - sides[1]))) if not infinite else 0,
                "note": _join(test.reason, _dropped(len(part), difference.groups)),
            }
        )
    tests = pd.DataFrame(rows)
    clean = tests["level"] == 0
    families = [tests.index[~clean], *(part.index for _, part in tests[clean].groupby("perturbation"))]
    for family in families:
        tests.loc[family, "p_holm"] = holm(tests.loc[family, "p"].to_numpy(float))
        for row in family:
            limit = smallest_attainable_p(int(tests.loc[row, "differing"]), len(family))
            if tests.loc[row, "level"] == 0 and not by_label:
                continue  # one test on its own: its p says itself how small it could be
            if limit > 0.05 and not np.isnan(tests.loc[row, "p"]):
                where = "at level 0" if tests.loc[row, "level"] == 0 else "above level 0"
                limited = (
                    f"{len(family)} tests {where} on {tests.loc[row, 'differing']} groups that differ: p (Holm) cannot "
                    f"fall below {limit:.3g}, however large the difference"
                )
                tests.loc[row, "note"] = _join(str(tests.loc[row, "note"]), limited)
    return tests.drop(columns="differing")


def _dropped(groups: int, paired: int) -> str:
    if groups == paired:
        return ""
    return f"{groups - paired} of {groups} groups left out: no value for one of the two models"


def _join(*notes: str) -> str:
    return "; ".join(filter(None, notes))
