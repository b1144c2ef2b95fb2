"""The AUDC of each group, whose mean over groups is the AUDC of a model."""

import numpy as np
import pandas as pd

from robustq.statistics.bootstrap import mean_interval
from robustq.statistics.group_means import GROUP, group_means
from robustq.statistics.level_curves import audc
from robustq.statistics.paired_tests import Interval


def audc_samples(rows: pd.DataFrame) -> pd.DataFrame:
    """For each group, the area under its curve under each perturbation.

    Args:
        rows: rows of one model and one metric.

    Returns:
        A row for each group and a column for each perturbation that has a level above 0, in the order in which the rows
        first name them; NaN where the group has no value at a level, or an answer is missing.
    """
    means = group_means(rows)
    means["value"] = means["value"].mask(means["unanswered"] > 0)
    areas = {}
    for perturbation in rows["perturbation"].unique():
        of_one = means[means["perturbation"] == perturbation]
        curve = of_one.pivot(index=list(GROUP), columns="level", values="value")
        levels = curve.columns.to_numpy(float)
        if len(levels) > 1:
            of_groups = [audc(levels, values) for values in curve.to_numpy(float)]
            areas[str(perturbation)] = pd.Series(of_groups, index=curve.index)
    return pd.DataFrame(areas)


def audc_intervals(rows: pd.DataFrame) -> dict[str, Interval]:
    """For each perturbation, the AUDC of a model with its 95 % interval; none where a group has no area.

    Args:
        rows: rows of one model and one metric.
    """
    intervals = {}
    for perturbation, column in audc_samples(rows).items():
        areas = column.to_numpy(float)
        if np.isfinite(areas).all():
            low, high = mean_interval(areas)
            intervals[str(perturbation)] = Interval(len(areas), float(areas.mean()), low, high)
    return intervals
