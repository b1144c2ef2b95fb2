"""The intervals of curves, against the interval of a single mean."""

import numpy as np
import pandas as pd
import pytest

import rows
from robustq.statistics import bootstrap_interval, curve_intervals, group_means, paired_difference
from robustq.statistics.bootstrap import bootstrap_intervals


def table(groups: int = 8) -> tuple[pd.DataFrame, pd.DataFrame]:
    means = group_means(rows.frame(rows.run("unet", rows.declining(0.01, 0), groups=groups)))
    return means, curve_intervals(means, higher_is_better=True)


def test_many_intervals_at_once_are_those_of_single_means() -> None:
    samples = np.random.default_rng(0).normal(size=(30, 4))

    low, high = bootstrap_intervals(samples)

    for column in range(4):
        single = bootstrap_interval(samples[:, [column]], lambda means: means[:, 0])
        assert (low[column], high[column]) == pytest.approx(single, abs=1e-12)


def test_a_drop_has_the_interval_of_the_paired_difference_to_level_0() -> None:
    means, curves = table()
    for row in curves.to_dict("records"):
        curve = means[means["perturbation"] == row["perturbation"]]
        at_zero, here = (curve[curve["level"] == level]["value"].to_numpy(float) for level in (0, row["level"]))
        expected = paired_difference(at_zero, here)
        figures = row["drop"], row["drop_low"], row["drop_high"]
        assert figures == pytest.approx((expected.estimate, expected.low, expected.high), abs=1e-12)
        assert row["retention"] == pytest.approx(here.mean() / at_zero.mean())


def test_a_group_without_a_value_is_left_out_and_one_group_has_no_interval() -> None:
    means, _ = table()
    lacking = means["value"].where((means["level"] != 30) | (means["group"] != "0"))
    curves = curve_intervals(means.assign(value=lacking), higher_is_better=True)
    at_thirty = curves[curves["level"] == 30]
    assert (at_thirty["groups"] == 7).all()
    assert at_thirty["low"].notna().all()

    assert table(groups=1)[1]["low"].isna().all()


def test_where_lower_is_better_a_rise_is_a_drop() -> None:
    means, falling = table()
    rising = curve_intervals(means.assign(value=-means["value"]), higher_is_better=False)
    assert rising["drop"].to_numpy() == pytest.approx(falling["drop"].to_numpy())
