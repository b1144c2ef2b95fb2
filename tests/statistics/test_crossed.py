"""Estimates over seeds and patients, against a two-way analysis of variance and simulation."""

import numpy as np
import pytest
from scipy import stats

from robustq.errors import RequestError
from robustq.statistics.crossed import crossed_mean


def test_two_seeds_and_two_patients_by_hand() -> None:
    # Means of seeds 2 and 6, of patients 3 and 5, grand mean 4: sums of squares 16, 4 and 0.
    crossed = crossed_mean(np.array([[1.0, 3.0], [5.0, 7.0]]))
    error = np.sqrt((16 + 4 - 0) / 4)
    freedom = 20**2 / (16**2 + 4**2)
    reach = stats.t.ppf(0.975, freedom) * error
    assert (crossed.seeds, crossed.groups, crossed.estimate, crossed.one_sign) == (2, 2, 4.0, True)
    assert crossed.freedom == pytest.approx(freedom)
    assert [crossed.low, crossed.high] == pytest.approx([4 - reach, 4 + reach])
    assert crossed.p == pytest.approx(2 * stats.t.sf(4 / error, freedom))


def test_the_mean_squares_are_those_of_an_analysis_of_variance() -> None:
    import pandas as pd
    from statsmodels.formula.api import ols
    from statsmodels.stats.anova import anova_lm

    table = np.random.default_rng(1).normal(size=(4, 9)) + np.arange(4)[:, None] + np.arange(9) / 3
    rows = pd.DataFrame([(s, p, table[s, p]) for s in range(4) for p in range(9)], columns=["s", "p", "d"])
    anova = anova_lm(ols("d ~ C(s) + C(p)", rows).fit())["mean_sq"]
    variance = (anova["C(s)"] + anova["C(p)"] - anova["Residual"]) / table.size
    crossed = crossed_mean(table)
    reach = stats.t.ppf(0.975, crossed.freedom) * np.sqrt(variance)
    assert crossed.high - crossed.estimate == pytest.approx(reach)


def test_the_variance_is_never_below_that_of_the_residuals() -> None:
    table = np.array([[1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]]) + 0.5  # all variation is residual
    crossed = crossed_mean(table)
    residual = np.square(table - table.mean(0) - table.mean(1)[:, None] + table.mean()).sum() / 2
    assert crossed.freedom == 2
    assert crossed.high - crossed.estimate == pytest.approx(stats.t.ppf(0.975, 2) * np.sqrt(residual / 6))


def test_the_interval_covers_the_truth_in_about_nineteen_of_twenty_studies() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for _ in range(1000):
        table = 0.3 + generator.normal(size=(5, 1)) + generator.normal(size=(1, 28)) + generator.normal(size=(5, 28))
        crossed = crossed_mean(table)
        covered += crossed.low <= 0.3 <= crossed.high
    assert 0.93 <= covered / 1000 <= 0.98


def test_one_seed_has_no_interval_and_equal_differences_no_p() -> None:
    assert np.isnan(crossed_mean(np.ones((1, 5))).low)
    same = crossed_mean(np.full((3, 5), 0.25))
    assert (same.low, same.high) == (0.25, 0.25)
    assert np.isnan(same.p)


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(RequestError, match="finite"):
        crossed_mean(np.array([[np.nan, 1.0]]))
