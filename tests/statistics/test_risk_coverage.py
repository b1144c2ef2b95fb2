"""The statistics of signals of failure, by hand, by brute force, and against scikit-learn and scipy."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from robustq.statistics.risk_coverage import (
    aurc,
    excess_aurc,
    failure_auroc,
    group_interval,
    group_resamples,
    once,
    resampled,
    risk_coverage,
    spearman,
)

answers = st.integers(2, 12).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 6), min_size=n, max_size=n) for _ in range(3)])
)
"""Confidence and Dice with many ties, and how often each answer counts."""


def area(risks: np.ndarray) -> float:
    """The area of the definition, for answers in their order."""
    n = len(risks)
    means = [sum(risks[:k]) / k for k in range(1, n + 1)]
    return sum((means[k] + means[k + 1]) / (2 * n) for k in range(n - 1))


def test_four_answers_by_hand() -> None:
    # Risks in the order of confidence: 0, 0.5, 0.2, 1; their running means: 0, 0.25, 0.7/3, 0.425.
    confidence, dice = np.array([0.9, 0.1, 0.7, 0.4]), np.array([1.0, 0.0, 0.5, 0.8])
    assert risk_coverage(confidence, 1 - dice) == pytest.approx([0, 0.25, 0.7 / 3, 0.425])
    expected = (0.25 + (0.25 + 0.7 / 3) + (0.7 / 3 + 0.425)) / 8
    assert aurc(confidence, dice, once(4))[0] == pytest.approx(expected)
    # By risk: 0, 0.2, 0.5, 1; running means 0, 0.1, 0.7/3, 0.425.
    best = (0.1 + (0.1 + 0.7 / 3) + (0.7 / 3 + 0.425)) / 8
    assert excess_aurc(confidence, dice, once(4))[0] == pytest.approx(expected - best)


def test_ties_stand_for_the_mean_over_all_their_orders() -> None:
    confidence, risk = np.array([2.0, 1.0, 1.0, 1.0, 0.0]), np.array([0.1, 0.9, 0.0, 0.4, 0.6])
    orders = [area(risk[[0, *tied, 4]]) for tied in permutations([1, 2, 3])]
    assert aurc(confidence, 1 - risk, once(5))[0] == pytest.approx(np.mean(orders))


@given(answers)
def test_no_order_is_better_than_that_by_risk(drawn: tuple[list[int], list[int], list[int]]) -> None:
    confidence, dice = np.array(drawn[0], float), np.array(drawn[1]) / 6
    assert excess_aurc(confidence, dice, once(len(dice)))[0] >= 0


@given(answers)
def test_an_answer_that_counts_twice_is_two_equal_answers(drawn: tuple[list[int], list[int], list[int]]) -> None:
    confidence, dice, times = (np.array(values) for values in drawn)
    if times.sum() < 2:
        return
    repeated = np.repeat(confidence.astype(float), times), np.repeat(dice / 6, times)
    for statistic in (aurc, excess_aurc, failure_auroc(0.5), spearman):
        (counted,) = statistic(confidence.astype(float), dice / 6, times[None])
        (expected,) = statistic(*repeated, once(len(repeated[0])))
        assert counted == pytest.approx(expected, nan_ok=True)
    assert aurc(*repeated, once(len(repeated[0])))[0] == pytest.approx(
        (lambda curve: (curve[:-1] + curve[1:]).sum() / (2 * len(curve)))(risk_coverage(repeated[0], 1 - repeated[1]))
    )


@given(answers)
def test_auroc_and_rank_correlation_are_those_of_scikit_learn_and_scipy(
    drawn: tuple[list[int], list[int], list[int]],
) -> None:
    confidence, dice = np.array(drawn[0], float), np.array(drawn[1]) / 6
    failed = dice < 0.5
    (auroc,) = failure_auroc(0.5)(confidence, dice, once(len(dice)))
    if failed.any() and not failed.all():
        assert auroc == pytest.approx(roc_auc_score(failed, -confidence))
    else:
        assert math.isnan(auroc)
    (correlation,) = spearman(confidence, dice, once(len(dice)))
    if np.ptp(confidence) and np.ptp(dice):
        assert correlation == pytest.approx(spearmanr(confidence, dice).statistic)
    else:
        assert math.isnan(correlation)


def test_a_constant_signal_says_nothing_and_dice_itself_is_perfect() -> None:
    dice = np.random.default_rng(0).random(50)
    constant = np.ones(50)
    assert failure_auroc(0.5)(constant, dice, once(50))[0] == 0.5
    assert aurc(constant, dice, once(50))[0] == pytest.approx((1 - dice).mean() * 49 / 50)
    assert excess_aurc(dice, dice, once(50))[0] == 0
    assert failure_auroc(0.5)(dice, dice, once(50))[0] == spearman(dice, dice, once(50))[0] == pytest.approx(1)


def test_all_answers_of_a_group_are_resampled_together() -> None:
    groups = np.array(["a", "b", "a", "c", "b"])
    times = group_resamples(groups, resamples=200)
    assert (times[:, 0] == times[:, 2]).all()
    assert (times[:, 1] == times[:, 4]).all()
    assert (times[:, [0, 1, 3]].sum(1) == 3).all()


def test_an_interval_holds_the_estimate_and_needs_two_groups_and_enough_resamples_with_a_value() -> None:
    generator = np.random.default_rng(1)
    dice = generator.random(40)
    confidence = dice + generator.normal(0, 0.3, 40)
    groups = np.arange(40) // 2
    estimates = resampled(aurc, confidence, dice, group_resamples(groups, 500))
    low, high = group_interval(estimates, 20)
    assert low < aurc(confidence, dice, once(40))[0] < high
    assert all(math.isnan(end) for end in group_interval(estimates, 1))
    assert all(math.isnan(end) for end in group_interval(np.array([math.nan, 1.0, 2.0]), 20))
