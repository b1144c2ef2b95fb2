"""The figures of a stress run with their intervals, one record for each curve: what cards and claims hold."""

from typing import Any

import pandas as pd

from robustq.metric import parse_metric
from robustq.results.stress_run import Run
from robustq.results.tidy_curves import tidy_curves
from robustq.statistics import group_means, paired_ratio, worst_level
from robustq.statistics.audc_samples import audc_intervals
from robustq.statistics.group_means import GROUP

_CURVE = ["model", "domain", "metric", "perturbation"]
_AT_LEVEL = ("groups", "mean", "sd", "low", "high", "drop", "drop_low", "drop_high", "retention")


def run_figures(run: Run) -> list[dict[str, Any]]:
    """One record for each model, domain, metric and perturbation.

    Means, drops and their intervals are those of the page; retention has an interval where each patient has a value at
    both levels, and AUDC where each has one at every level.

    Returns:
        Records with model, domain ("" where domains are not told apart), metric, unit, higher_is_better, perturbation,
        worst_level (percent), `levels`, a list of records, and `audc` with value, low and high, or None.
    """
    table, frame = tidy_curves(run), run.to_frame()
    # The mean over perturbations has no rows of its own.
    single = table[(table["label"] == "") & table["perturbation"].isin(list(frame["perturbation"].unique()))]
    records = []
    for key, curve in single.groupby(_CURVE, sort=False):
        model, domain, metric, perturbation = map(str, key)
        measure = parse_metric(metric)
        unit = str(curve["unit"].iloc[0])
        is_share = not unit and measure.higher_is_better
        rows = frame[(frame["model"] == model) & (frame["metric"] == metric) & (frame["perturbation"] == perturbation)]
        rows = rows[rows["domain"] == domain] if domain else rows
        levels, means = curve["level"].to_numpy(float), curve["mean"].to_numpy(float)
        area = audc_intervals(rows).get(perturbation) if is_share else None
        records.append(
            {
                **dict(zip(_CURVE, (model, domain, metric, perturbation), strict=True)),
                "unit": unit,
                "higher_is_better": measure.higher_is_better,
                "worst_level": worst_level(levels, means, higher_is_better=measure.higher_is_better),
                "levels": _levels(curve, rows if is_share else None),
                "audc": {"value": area.estimate, "low": area.low, "high": area.high} if area else None,
            }
        )
    return records


def _levels(curve: pd.DataFrame, rows: pd.DataFrame | None) -> list[dict[str, Any]]:
    """A record for each level; retention only for shares, whose rows are given."""
    by_level = group_means(rows).pivot(index=list(GROUP), columns="level", values="value") if rows is not None else None
    records = []
    for row in curve.to_dict("records"):
        record = {"level": float(row["level"]), **{name: float(row[name]) for name in _AT_LEVEL}}
        record |= {"groups": int(row["groups"]), "missed": int(row["missed"]), "no_answer": int(row["unanswered"])}
        low = high = float("nan")
        if by_level is None or row["unanswered"]:
            record["retention"] = float("nan")
        else:
            ratio = paired_ratio(by_level[row["level"]].to_numpy(float), by_level[0.0].to_numpy(float))
            if ratio.groups == len(by_level):
                low, high = ratio.low, ratio.high
        records.append(record | {"retention_low": low, "retention_high": high})
    return records
