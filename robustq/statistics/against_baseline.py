"""Compares models with a baseline, paired by group (docs/definitions.md, Comparing two models)."""

from typing import Any

import numpy as np
import pandas as pd

from robustq.statistics.bootstrap import CONFIDENCE, RESAMPLES
from robustq.statistics.group_means import describe
from robustq.statistics.paired_means import paired_means
from robustq.statistics.paired_tests import (
    INFINITE,
    Interval,
    SignedRank,
    holm,
    paired_difference,
    signed_rank,
    smallest_attainable_p,
)

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
    """Subtract the baseline from every other model, for each perturbation, level and metric that both have.

    A row is used only if both models have a value for it; with `missing=drop` one of them can lack it. The other rows
    are left out before anything is averaged.

    Holm's correction is over a family of tests: all perturbations and levels above 0 of one model and one metric, and
    all labels if they are kept apart. Level 0 is the same test under every perturbation and stands outside this
    family: it is not corrected, or, if labels are kept apart, corrected over the labels.

    Args:
        frame: rows of one run or several, with the columns of `robustq.results.rows.Row`; rows of transferred attacks
            are left out.
        baseline: name of the model that is subtracted.
        by_label: keep the labels apart.
        resamples: number of bootstrap resamples of the groups.
        seed: seed of the resampling; every row of the table uses the same.
        confidence: nominal coverage of the intervals.

    Returns:
        One row for each test, with the perturbations in the order of `frame`, and the columns model, baseline, metric,
        unit, perturbation, level (, label); `groups`, the number of groups that have a value; `mean`, `median`, `q1`,
        `q3`, `missed` and `unanswered` of the model, and the same of the baseline with the prefix `baseline_`;
        `difference`, `low`, `high`, `p` and `p_holm`, which are NaN where there is no value; and `note`, which says why
        there is none or what limits them.

    Raises:
        RequestError: the baseline is not among the models, or it is the only model; a name stands for several trained
            networks; a row occurs twice with different values; the cases, levels, draws, seeds or labels of two models
            differ; or a model and the baseline have no metric in common.
    """
    tables = []
    for name, means in paired_means(frame, baseline, by_label=by_label).items():
        for metric, metric_means in means.groupby("metric"):
            tests = _tests(metric_means, by_label, resamples, seed, confidence)
            tests.insert(0, "metric", metric)
            tests.insert(0, "baseline", baseline)
            tests.insert(0, "model", name)
            tables.append(tests)
    return pd.concat(tables, ignore_index=True)


def _tests(means: pd.DataFrame, by_label: bool, resamples: int, seed: int, confidence: float) -> pd.DataFrame:
    """One row for each test of one metric; p-values are corrected over their families."""
    keys = ["unit", "perturbation", "level", *(["label"] if by_label else [])]
    # If one distance is infinite, the whole table of this metric prints medians, and none of its rows has a test.
    infinite = bool(np.isinf(means[["value", "baseline_value"]].to_numpy(float)).any())
    rows = []
    for key, pairs in means.groupby(keys, sort=False):
        sides = [pairs[column].to_numpy(float) for column in ("value", "baseline_value")]
        difference = paired_difference(*sides, resamples=resamples, seed=seed, confidence=confidence)
        test = SignedRank(np.nan, INFINITE) if infinite else signed_rank(*sides)
        differing = 0 if infinite else int(np.count_nonzero(np.nan_to_num(sides[0] - sides[1])))
        rows.append(
            {**dict(zip(keys, key, strict=True)), **_described(pairs, difference, test), "differing": differing}
        )
    tests = _corrected(pd.DataFrame(rows), by_label)
    return tests.drop(columns="differing")


def _described(pairs: pd.DataFrame, difference: Interval, test: SignedRank) -> dict[str, Any]:
    """What a row says of both sides, of their difference and of its test; `p_holm` is filled in later."""
    own, of_baseline = (describe(pairs[column].to_numpy(float)) for column in ("value", "baseline_value"))
    return {
        "groups": difference.groups,
        **{column: getattr(own, column) for column in _SIDE},
        "missed": pairs["missed"].sum(),
        "unanswered": pairs["unanswered"].sum(),
        **{f"baseline_{column}": getattr(of_baseline, column) for column in _SIDE},
        "baseline_missed": pairs["baseline_missed"].sum(),
        "baseline_unanswered": pairs["baseline_unanswered"].sum(),
        "difference": difference.estimate,
        "low": difference.low,
        "high": difference.high,
        "p": test.p,
        "p_holm": np.nan,
        "note": _join(test.reason, _dropped(len(pairs), difference.groups)),
    }


def _corrected(tests: pd.DataFrame, by_label: bool) -> pd.DataFrame:
    """The tests with Holm's p, and a note where it cannot be small. Level 0 is a family for each perturbation."""
    clean = tests["level"] == 0
    families = [tests.index[~clean], *(same.index for _, same in tests[clean].groupby("perturbation"))]
    for family in families:
        tests.loc[family, "p_holm"] = holm(tests.loc[family, "p"].to_numpy(float))
        for row in family:
            limit = smallest_attainable_p(int(tests.loc[row, "differing"]), len(family))
            if tests.loc[row, "level"] == 0 and not by_label:
                continue  # one test alone is not corrected, so its own p shows how small it can be
            if limit > 0.05 and not np.isnan(tests.loc[row, "p"]):
                where = "at level 0" if tests.loc[row, "level"] == 0 else "above level 0"
                limited = (
                    f"With {len(family)} tests {where} and {tests.loc[row, 'differing']} groups in which the models "
                    f"differ, p (Holm) cannot fall below {limit:.3g}, however large the difference is."
                )
                tests.loc[row, "note"] = _join(str(tests.loc[row, "note"]), limited)
    return tests


def _dropped(groups: int, paired: int) -> str:
    if groups == paired:
        return ""
    return f"Left out: {groups - paired} of {groups} groups, because one of the two models has no value there."


def _join(*notes: str) -> str:
    return " ".join(filter(None, notes))
