"""Intervals and tests against scipy, statsmodels, simulation and hand-made cases."""

import math
import re

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.multitest import multipletests

from robustq.errors import RequestError
from robustq.statistics import (
    bootstrap_interval,
    holm,
    paired_difference,
    paired_ratio,
    signed_rank,
    smallest_attainable_p,
)


def sample(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    second = generator.uniform(0.6, 0.9, n)
    return second + generator.normal(0.02, 0.05, n), second


@pytest.mark.parametrize("n", [2, 7, 28, 300])
def test_the_interval_is_the_expanded_percentile_interval_of_the_resampled_mean(n):
    first, second = sample(n)
    differences = first - second
    tail = scipy.stats.norm.cdf(-math.sqrt(n / (n - 1)) * scipy.stats.t.isf(0.025, n - 1))
    theirs = scipy.stats.bootstrap(
        (differences,), np.mean, n_resamples=40_000, confidence_level=1 - 2 * tail, method="percentile", rng=1
    ).confidence_interval

    ours = paired_difference(first, second, resamples=40_000)

    assert ours.estimate == pytest.approx(differences.mean())
    # Two simulations of a far quantile agree to a part of the interval's width.
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs), abs=0.03 * (theirs.high - theirs.low))


def test_equal_seeds_give_equal_intervals_and_others_do_not():
    pair = sample(12)

    assert paired_difference(*pair, seed=3) == paired_difference(*pair, seed=3)
    assert paired_difference(*pair, seed=3) != paired_difference(*pair, seed=4)


def test_exchanging_the_models_turns_the_interval_round():
    first, second = sample(15)

    forth, back = paired_difference(first, second), paired_difference(second, first)

    assert (forth.estimate, forth.low, forth.high) == pytest.approx((-back.estimate, -back.high, -back.low))


def test_more_confidence_is_a_wider_interval_and_a_constant_difference_one_of_no_width():
    first, second = sample(20)
    wide, narrow = (paired_difference(first, second, confidence=share) for share in (0.99, 0.8))

    assert wide.low < narrow.low < narrow.estimate < narrow.high < wide.high
    constant = paired_difference(second + 0.25, second)
    assert (constant.low, constant.high) == pytest.approx((0.25, 0.25))


def test_a_ratio_is_resampled_as_a_ratio_of_means():
    first, second = np.array([0.2, 0.9, 0.5, 0.7]), np.array([0.4, 0.9, 1.0, 0.8])
    generator = np.random.default_rng(9)
    places = generator.integers(4, size=(100_000, 4))
    ratios = first[places].sum(1) / second[places].sum(1)
    tail = scipy.stats.norm.cdf(-math.sqrt(4 / 3) * scipy.stats.t.isf(0.025, 3))

    ours = paired_ratio(first, second, resamples=100_000)

    assert ours.estimate == pytest.approx(2.3 / 3.1)
    assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(ratios, [tail, 1 - tail])), abs=0.02)


def test_the_interval_of_many_groups_does_not_depend_on_how_resamples_are_portioned():
    many = np.random.default_rng(0).normal(5, 1, (3_000, 1))

    low, high = bootstrap_interval(many, lambda means: means[:, 0], resamples=2_000)

    assert (low, high) == pytest.approx((many.mean() - 1.96 / 3_000**0.5, many.mean() + 1.96 / 3_000**0.5), abs=0.005)


def test_pairs_without_a_value_on_both_sides_are_left_out():
    first, second = np.array([0.1, np.nan, 0.3, 0.4]), np.array([0.0, 0.2, np.nan, 0.1])

    difference = paired_difference(first, second)

    assert difference.groups == 2
    assert difference.estimate == pytest.approx(0.2)


@pytest.mark.parametrize("estimate", [paired_difference, paired_ratio])
def test_no_estimate_without_finite_pairs_and_no_interval_for_one(estimate):
    nothing = estimate(np.array([np.nan]), np.array([1.0]))
    infinite = estimate(np.array([1.0, math.inf]), np.array([1.0, 2.0]))
    one = estimate(np.array([2.0]), np.array([1.0]))

    assert nothing.groups == 0
    assert np.isnan([nothing.estimate, nothing.low, infinite.estimate, infinite.high, one.low, one.high]).all()
    assert (one.groups, one.estimate) == (1, 2 - 1 if estimate is paired_difference else 2 / 1)


def test_a_ratio_to_zero_has_no_value_and_one_that_may_be_to_zero_no_interval():
    assert math.isnan(paired_ratio(np.array([1.0, 2.0]), np.array([0.0, 0.0])).estimate)
    uncertain = paired_ratio(np.array([1.0, 2.0]), np.array([0.0, 1.0]))
    assert uncertain.estimate == 3
    assert math.isnan(uncertain.low)


def test_unequal_numbers_of_groups_are_refused():
    for function in (paired_difference, paired_ratio, signed_rank):
        with pytest.raises(RequestError, match="3 values cannot be paired with 2"):
            function(np.zeros(3), np.zeros(2))


@pytest.mark.parametrize("n", [6, 13, 28, 80])
def test_the_signed_rank_test_is_scipys_with_zeros_left_out(n):
    first, second = sample(n, seed=n)
    first[2] = second[2]

    expected = scipy.stats.wilcoxon(first, second, zero_method="wilcox").pvalue

    assert signed_rank(first, second).p == expected


def test_six_groups_that_all_differ_in_one_direction_give_the_smallest_p():
    second = np.arange(6.0)

    outcome = signed_rank(second + np.arange(1.0, 7.0), second)

    assert (outcome.p, outcome.reason) == (2 / 2**6, "")


def test_equal_models_have_p_one():
    assert signed_rank(np.ones(9), np.ones(9)).p == 1


@pytest.mark.parametrize(("n", "told"), [(0, "0 groups"), (1, "1 group is"), (5, r"5 groups are .* below 0\.0625")])
def test_fewer_than_six_groups_get_no_p_and_are_told_why(n, told):
    outcome = signed_rank(np.arange(1.0, n + 1), np.zeros(n))

    assert math.isnan(outcome.p)
    assert re.search(told, outcome.reason)


def test_infinite_distances_get_no_test():
    first = np.array([1, 2, 3, 4, 5, 6, math.inf])

    outcome = signed_rank(first, np.ones(7))

    assert math.isnan(outcome.p)
    assert "Some distances are infinite" in outcome.reason


@pytest.mark.parametrize("size", [1, 2, 3, 8, 40])
def test_holm_equals_statsmodels(size):
    p = np.random.default_rng(size).choice([0.0, 0.001, 0.004, 0.03, 0.2, 1.0], size)  # ties among them

    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_a_test_that_was_not_made_counts_in_the_family_and_stays_without_p():
    corrected = holm(np.array([0.01, np.nan, 0.02]))

    assert corrected == pytest.approx([0.03, np.nan, 0.04], nan_ok=True)
    assert holm(np.array([])).size == 0


def test_the_smallest_attainable_p():
    assert smallest_attainable_p(6, 1) == 2 / 2**6
    assert smallest_attainable_p(10, 12) == 12 * 2 / 2**10
    assert smallest_attainable_p(6, 40) == 1
    assert smallest_attainable_p(2_000, 3) == 0
