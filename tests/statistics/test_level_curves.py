"""What a curve says in one number, against hand-made cases."""

import math

import numpy as np
import pytest

from robustq.errors import RequestError
from robustq.statistics import audc, retention, worst_level


def test_retention_audc_and_worst_level_by_hand():
    levels, values = np.array([30.0, 0.0, 10.0]), np.array([0.2, 0.8, 0.6])

    assert retention(levels, values) == pytest.approx([0.25, 1, 0.75])
    assert audc(levels, values) == pytest.approx((10 * 0.7 + 20 * 0.4) / 30)
    assert worst_level(levels, values) == 30
    assert worst_level(levels, values, higher_is_better=False) == 0


def test_a_perfect_curve_has_area_one_and_its_worst_level_is_the_first():
    levels = np.array([0.0, 1.0, 50.0])

    assert audc(levels, np.ones(3)) == pytest.approx(1)
    assert worst_level(levels, np.ones(3)) == 0


def test_values_that_are_missing_have_no_part_in_the_worst_level():
    levels = np.array([0.0, 10.0, 20.0])

    assert worst_level(levels, np.array([0.9, np.nan, 0.8])) == 20
    assert worst_level(levels, np.array([1.0, math.inf, np.nan]), higher_is_better=False) == 10
    assert math.isnan(worst_level(levels, np.full(3, np.nan)))
    assert math.isnan(audc(levels, np.array([0.9, np.nan, 0.8])))


def test_nothing_is_retained_of_nothing():
    assert np.isnan(retention(np.array([0.0, 10.0]), np.array([0.0, 0.0]))).all()


@pytest.mark.parametrize(
    ("levels", "values", "sentence"),
    [
        ([1.0, 10.0], [0.5, 0.5], "level 0 is not among the levels"),
        ([0.0, 10.0, 10.0], [0.5, 0.5, 0.5], "occurs twice"),
        ([0.0, 10.0], [0.5], "2 levels and 1 values were given"),
        ([0.0], [0.5], "level 0 alone has no area"),
    ],
)
def test_a_curve_that_is_none_is_refused(levels, values, sentence):
    with pytest.raises(RequestError, match=sentence):
        audc(np.array(levels), np.array(values))
