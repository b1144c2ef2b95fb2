"""The interval of a median and the sign test, against the binomial distribution by brute force."""

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from robustq.statistics.median_interval import median_interval
from robustq.statistics.sign_test import sign_test


@pytest.mark.parametrize("n", range(1, 120))
def test_the_interval_is_that_of_the_largest_rank_that_the_binomial_allows(n: int) -> None:
    ranks = [r for r in range(1, n // 2 + 1) if sum(math.comb(n, k) for k in range(r)) / 2**n <= 0.025]
    low, high = median_interval(np.random.default_rng(n).permutation(np.arange(1.0, n + 1)))
    if not ranks:
        assert n < 6
        assert math.isnan(low)
        assert math.isnan(high)
        return
    assert (low, high) == (max(ranks), n + 1 - max(ranks))
    assert binom.cdf(n - low, n, 0.5) - binom.cdf(low - 1, n, 0.5) >= 0.95


def test_censored_groups_leave_the_upper_end_open() -> None:
    assert median_interval(np.array([10.0, 20, 30, 40, 50, np.inf])) == (10, np.inf)
    assert median_interval(np.array([10.0, 20, 30, 40, 50, 60, 70, 80, np.inf])) == (20, 80)
    assert median_interval(np.full(8, np.inf)) == (np.inf, np.inf)


@pytest.mark.long
@pytest.mark.parametrize("groups", [6, 10, 20, 50])
def test_the_interval_holds_the_median_as_often_as_it_says(groups: int) -> None:
    levels = np.random.default_rng(groups).lognormal(0, 1, (20_000, groups))
    intervals = np.array([median_interval(np.where(each > 2, np.inf, each)) for each in levels])
    held = ((intervals[:, 0] <= 1) & (intervals[:, 1] >= 1)).mean()
    assert held >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / 20_000)


def test_the_sign_test_is_scipys_without_ties() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 6, (2, 40)).astype(float)
    found = sign_test(first, second)
    assert found.first + found.second + found.ties == 40
    assert found.p == pytest.approx(binomtest(int((first > second).sum()), int((first != second).sum())).pvalue)
    assert sign_test(second, first).p == pytest.approx(found.p)


def test_two_censored_levels_are_a_tie_and_one_is_not() -> None:
    first, second = np.array([np.inf, np.inf, 3.0, 5.0]), np.array([np.inf, 4.0, 3.0, np.inf])
    assert sign_test(first, second) == (1, 1, 2, 1.0)
    assert sign_test(np.full(3, np.inf), np.full(3, np.inf)) == (0, 0, 3, 1.0)


def test_six_of_six_is_the_smallest_number_that_can_differ() -> None:
    assert sign_test(np.arange(6.0) + 1, np.zeros(6)).p == pytest.approx(2 / 64)
