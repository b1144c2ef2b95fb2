"""Acceptance criteria, decided on bounds."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from robustq.errors import RequestError
from robustq.statistics.acceptance import mean_reaching, share_reaching


def means(samples: np.ndarray) -> np.ndarray:
    return samples[:, 0]


@given(groups=st.integers(1, 200), data=st.data(), share=st.floats(0.05, 0.95))
def test_a_share_passes_exactly_where_scipys_binomial_test_rejects_it(groups: int, data: st.DataObject, share: float):
    successes = data.draw(st.integers(0, groups))
    reached = np.arange(groups) < successes

    found = share_reaching(reached, share)

    for alternative, p in (("greater", found.p_pass), ("less", found.p_fail)):
        assert p == pytest.approx(scipy.stats.binomtest(successes, groups, share, alternative).pvalue)
    interval = scipy.stats.binomtest(successes, groups).proportion_ci(0.9, "exact")
    assert found.bound == pytest.approx(interval.low)
    if abs(found.p_pass - 0.05) > 1e-9:
        assert (found.p_pass <= 0.05) == (found.bound >= share)


def test_ninety_percent_need_twenty_nine_patients_without_a_failure():
    assert share_reaching(np.ones(28, bool), 0.9).p_pass > 0.05
    assert share_reaching(np.ones(28, bool), 0.9).needed == 29
    assert share_reaching(np.ones(29, bool), 0.9).p_pass <= 0.05
    assert share_reaching(np.ones(29, bool), 0.9).needed == 29


@given(groups=st.integers(10, 60), failures=st.integers(0, 3), share=st.floats(0.5, 0.9))
def test_the_number_of_groups_that_would_pass_is_the_smallest(groups: int, failures: int, share: float):
    reached = np.arange(groups) >= failures
    found = share_reaching(reached, share)
    rate = (groups - failures) / groups

    def passes(number: int) -> bool:
        successes = math.floor(rate * number + 1e-9)
        return scipy.stats.binomtest(successes, number, share, "greater").pvalue <= 0.05

    if found.needed is None:
        assert rate <= share or not passes(5000)
    else:
        assert passes(found.needed)
        assert not any(passes(number) for number in range(groups, found.needed))


def test_a_share_outside_its_range_is_refused_and_no_groups_decide_nothing():
    with pytest.raises(RequestError, match="above 0 and below 1"):
        share_reaching(np.ones(3, bool), 1.0)
    assert share_reaching(np.ones(0, bool), 0.9).p_pass == 1


@pytest.mark.parametrize("seed", range(6))
def test_a_mean_passes_exactly_where_its_bound_lies_above_the_value(seed: int):
    samples = np.random.default_rng(seed).normal(0.8, 0.05, (12, 1))
    for least in np.linspace(0.7, 0.9, 21):
        found = mean_reaching(samples, means, least)
        if abs(found.bound - least) > 1e-3:
            assert (found.p_pass <= 0.05) == (found.bound > least)
        assert min(found.p_pass, found.p_fail) < 0.51


def test_for_many_normal_groups_the_bound_is_that_of_students_t():
    samples = np.random.default_rng(3).normal(0.8, 0.05, (400, 1))

    found = mean_reaching(samples, means, 0.795)

    student = scipy.stats.ttest_1samp(samples[:, 0], 0.795, alternative="greater")
    assert found.p_pass == pytest.approx(student.pvalue, abs=0.01)
    expected = student.confidence_interval(0.95).low
    assert found.bound == pytest.approx(expected, abs=3e-4)


def test_one_group_and_values_that_are_not_finite_decide_nothing():
    for samples in (np.ones((1, 1)), np.array([[1.0], [math.inf]])):
        found = mean_reaching(samples, means, 0.5)
        assert (found.p_pass, found.p_fail, found.needed) == (1, 1, None)
