"""The curves of a stress run as JSON values."""

from typing import Any

import pandas as pd

from robustq.metric import parse_metric
from robustq.statistics import audc, retention, worst_level
from robustq.statistics.group_means import answered_means


def curve_records(frame: pd.DataFrame, *, of_levels: bool = True) -> list[dict[str, Any]]:
    """One JSON object for each model, perturbation and metric.

    Args:
        frame: what `robustq.statistics.summarise` gave.
        of_levels: whether the levels are percentages, so that there can be an area under the curve.
    """
    records = []
    for (model, perturbation, metric), curve in frame.groupby(["model", "perturbation", "metric"], sort=False):
        curve = curve.sort_values("level")
        level, mean, answered = curve["level"].to_numpy(float), curve["mean"].to_numpy(float), answered_means(curve)
        unit, higher_is_better = str(curve["unit"].iloc[0]), parse_metric(str(metric)).higher_is_better
        is_share = unit == "" and higher_is_better
        points = curve[["level", "groups", "mean", "sd", "median", "q1", "q3", "missed", "unanswered"]]
        records.append(
            {
                "model": model,
                "perturbation": perturbation,
                "metric": metric,
                "unit": unit,
                "levels": points.to_dict("records"),
                "retention": retention(level, answered).tolist() if is_share else None,
                "audc": audc(level, answered) if is_share and of_levels and len(level) > 1 else None,
                "worst_level": worst_level(level, mean, higher_is_better=higher_is_better),
            }
        )
    return records
