"""Drops between domains, against the formula of two samples and against simulation."""

import math

import numpy as np
import pytest

from robustq.statistics.domain_drop import domain_drop, drop_difference


def test_a_drop_is_the_difference_of_two_means_with_the_width_of_two_samples() -> None:
    generator = np.random.default_rng(0)
    first, second = generator.normal(0.9, 0.05, 60), generator.normal(0.8, 0.1, 80)
    drop = domain_drop(first, second)
    assert drop.groups == 140
    assert drop.estimate == pytest.approx(first.mean() - second.mean())
    error = math.sqrt(first.var() / 60 + second.var() / 80)
    assert drop.high - drop.low == pytest.approx(2 * 1.96 * error, rel=0.06)


def test_the_interval_covers_the_true_drop_in_about_nineteen_of_twenty_studies() -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        drop = domain_drop(generator.normal(0.9, 0.05, 12), generator.normal(0.8, 0.1, 20), resamples=400)
        covered += drop.low <= 0.1 <= drop.high
    assert 0.92 <= covered / 400 <= 0.99


def test_one_patient_has_no_interval_and_an_infinite_distance_no_drop() -> None:
    assert math.isnan(domain_drop(np.array([1.0]), np.array([0.5, 0.4])).low)
    assert domain_drop(np.array([1.0]), np.array([0.5, 0.4])).estimate == pytest.approx(0.55)
    assert math.isnan(domain_drop(np.array([1.0, np.inf]), np.array([0.5, 0.4])).estimate)
    assert math.isnan(domain_drop(np.array([]), np.array([0.5, 0.4])).estimate)


def test_the_drops_of_two_models_are_paired_by_patient_in_each_domain() -> None:
    generator = np.random.default_rng(2)
    at_home, away = ({str(n): float(value) for n, value in enumerate(generator.normal(0.5, 0.2, 9))} for _ in range(2))
    better = {group: value + 0.1 for group, value in away.items()}
    difference = drop_difference((at_home, better), (at_home, away))
    assert difference.estimate == pytest.approx(-0.1)
    assert [difference.low, difference.high] == pytest.approx([-0.1, -0.1]), "patients differ, the differences do not"
