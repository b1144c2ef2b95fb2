"""What holds for the metrics whatever the masks."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from robustq.metric import Truth
from robustq.metrics import assd, dice, hausdorff, hd95, iou, nsd

ALL = [dice, iou, hd95, hausdorff, assd, nsd]
DISTANCES = [hd95, hausdorff, assd]

# On a busy machine one example may take long; what is wrong is not told by its time.
unhurried = settings(deadline=None)


@st.composite
def pairs(draw):
    """Two masks of one shape, not empty, and a spacing."""
    shape = draw(array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=7))
    masks = arrays(bool, shape).filter(np.any)
    spacing = draw(st.tuples(*[st.floats(0.1, 10.0)] * len(shape)))
    return draw(masks), draw(masks), spacing


def score(metric, prediction, truth, spacing):
    return metric(prediction, truth) if metric in (dice, iou) else metric(prediction, truth, spacing)


@unhurried
@given(pairs())
def test_prediction_and_truth_may_change_places(pair):
    prediction, truth, spacing = pair
    for metric in ALL:
        assert math.isclose(score(metric, prediction, truth, spacing), score(metric, truth, prediction, spacing))


@unhurried
@given(pairs(), st.integers(1, 3))
def test_background_around_the_image_moves_both_and_changes_no_score(pair, margin):
    prediction, truth, spacing = pair
    moved = [np.pad(one, [(margin, 2)] + [(0, margin)] * (one.ndim - 1)) for one in (prediction, truth)]
    for metric in ALL:
        close = pytest.approx(score(metric, prediction, truth, spacing), rel=1e-9, abs=1e-12)
        assert score(metric, *moved, spacing) == close


@unhurried
@given(pairs(), st.sampled_from([0.125, 0.5, 2.0, 8.0]))
def test_distances_grow_with_the_spacing(pair, factor):
    prediction, truth, spacing = pair
    wider = tuple(factor * step for step in spacing)
    for metric in DISTANCES:
        assert metric(prediction, truth, wider) == pytest.approx(factor * metric(prediction, truth, spacing))
    assert nsd(prediction, truth, wider, tolerance=3 * factor) == nsd(prediction, truth, spacing, tolerance=3.0)


@unhurried
@given(pairs())
def test_the_order_of_axes_does_not_matter(pair):
    prediction, truth, spacing = pair
    for metric in ALL:
        turned = score(metric, prediction.T, truth.T, spacing[::-1])
        assert turned == pytest.approx(score(metric, prediction, truth, spacing), rel=1e-9, abs=1e-12)


@unhurried
@given(pairs(), st.floats(0.0, 20.0), st.floats(0.0, 20.0))
def test_a_wider_tolerance_accepts_no_less(pair, first, second):
    prediction, truth, spacing = pair
    narrow, wide = sorted((first, second))

    at_narrow, at_wide = (nsd(prediction, truth, spacing, tolerance=each) for each in (narrow, wide))
    assert 0 <= at_narrow <= at_wide <= 1


@unhurried
@given(pairs())
def test_dice_and_iou_tell_the_same(pair):
    prediction, truth, _ = pair

    jaccard = iou(prediction, truth)
    assert dice(prediction, truth) == pytest.approx(2 * jaccard / (1 + jaccard))


@unhurried
@given(pairs())
def test_no_distance_exceeds_the_maximum_nor_the_diagonal(pair):
    prediction, truth, spacing = pair

    largest = hausdorff(prediction, truth, spacing)
    assert largest <= Truth(truth, spacing).diagonal * (1 + 1e-12)
    assert hd95(prediction, truth, spacing) <= largest
    assert assd(prediction, truth, spacing) <= largest * (1 + 1e-12)
