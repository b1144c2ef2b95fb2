"""The metrics against hand-made cases, brute force and MONAI."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
from monai.metrics.utils import get_edge_surface_distance
from scipy.ndimage import binary_erosion, gaussian_filter

from robustq.errors import RequestError
from robustq.metric import Comparison, Truth, parse_metrics
from robustq.metrics import assd, dice, hausdorff, hd95, iou, nsd

DISTANCES = [hd95, hausdorff, assd]


def mask(*rows: str) -> np.ndarray:
    return np.array([[character == "#" for character in row] for row in rows])


def random_mask(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """A blob, a thin line, a single voxel or sparse voxels; often touching the border."""
    kind = generator.integers(6)
    made = np.zeros(shape, bool)
    if kind == 0:
        made[tuple(generator.integers(extent) for extent in shape)] = True
    elif kind == 1:
        line: list[int | slice] = [int(generator.integers(extent)) for extent in shape]
        line[generator.integers(len(shape))] = slice(None)
        made[tuple(line)] = True
    elif kind == 2:
        made = generator.random(shape) < 0.03
        made[(0,) * len(shape)] = True
    else:
        field = gaussian_filter(generator.standard_normal(shape), 1.5)
        made = field > np.quantile(field, generator.uniform(0.3, 0.95))
    return made


def random_pair(index: int, labels: int = 1) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]]:
    """Predictions and truths (L, *S), every other pair in 3D, half of them alike, and the spacing."""
    generator = np.random.default_rng(index)
    dims = 2 + index % 2
    shape = tuple(int(extent) for extent in generator.integers(5, (40, 14)[dims - 2], dims))
    truths = np.stack([random_mask(shape, generator) for _ in range(labels)])
    predictions = np.stack([random_mask(shape, generator) for _ in range(labels)])
    if index % 4 > 1:
        predictions = truths ^ (generator.random(truths.shape) < 0.03)
        predictions[:, *[0] * dims] = True  # never empty
    return predictions, truths, tuple(float(step) for step in generator.uniform(0.3, 4, dims))


def brute_force(prediction: np.ndarray, truth: np.ndarray, spacing: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All distances between all pairs of boundary voxels, by scipy's erosion and plain arithmetic."""
    first, second = (np.argwhere(one & ~binary_erosion(one)) * spacing for one in (prediction, truth))
    every = np.sqrt(((first[:, None] - second[None]) ** 2).sum(-1))
    return every.min(1), every.min(0)


@pytest.mark.parametrize("index", range(100))
def test_distances_equal_all_pairs_of_boundary_voxels(index):
    (prediction,), (truth,), spacing = random_pair(index)
    forth, back = brute_force(prediction, truth, spacing)
    pooled = np.concatenate([forth, back])

    close = {"rel_tol": 1e-9, "abs_tol": 1e-12}
    assert math.isclose(assd(prediction, truth, spacing), pooled.mean(), **close)
    for percentile in (30.0, 95.0, 99.0, 100.0):
        expected = max(np.percentile(forth, percentile), np.percentile(back, percentile))
        assert math.isclose(hausdorff(prediction, truth, spacing, percentile=percentile), expected, **close)
    assert hd95(prediction, truth, spacing) == hausdorff(prediction, truth, spacing, percentile=95.0)
    assert nsd(prediction, truth, spacing, tolerance=1.7) == (pooled <= 1.7).mean()


# MONAI 1.6 warns of an argument that it passes to itself.
@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")
def test_distances_equal_monai_on_two_hundred_pairs_of_two_labels():
    metrics = parse_metrics("hd95,assd")
    for index in range(200):
        predictions, truths, spacing = random_pair(1000 + index, labels=2)
        pair = [torch.from_numpy(masks)[None] for masks in (predictions, truths)]
        shared = {"include_background": True, "spacing": spacing}
        theirs = {
            "hd95": compute_hausdorff_distance(*pair, percentile=95, **shared),
            "assd": compute_average_surface_distance(*pair, symmetric=True, **shared),
        }
        for label in range(2):
            comparison = Comparison(predictions[label], Truth(truths[label], spacing))
            for name, metric in metrics.items():
                # Its float32 rounds the rank 0.95 · (n - 1) too, which moves an interpolated percentile further.
                tolerance = 2e-6 if name == "hd95" else 1e-6
                assert metric.score(comparison) == pytest.approx(theirs[name][0, label].item(), rel=tolerance)
            pair_of_label = (one[0, label] for one in pair)
            _, directed, _ = get_edge_surface_distance(*pair_of_label, spacing=spacing, symmetric=True)
            interpolated = max(np.percentile(distances.double().numpy(), 95) for distances in directed)
            assert metrics["hd95"].score(comparison) == pytest.approx(interpolated, rel=1e-6)


def test_overlap_by_hand():
    prediction = mask("##..", "##..", "....")
    truth = mask(".##.", ".##.", ".#..")

    assert dice(prediction, truth) == 2 * 2 / (4 + 5)
    assert iou(prediction, truth) == 2 / 7


def test_distances_by_hand():
    prediction = mask("#....", ".....", ".....")
    truth = mask("#...#", ".....", ".....")
    spacing = (1.0, 0.5)

    assert hausdorff(prediction, truth, spacing) == 2
    assert hd95(prediction, truth, spacing) == pytest.approx(0.95 * 2)
    assert assd(prediction, truth, spacing) == pytest.approx(2 / 3)
    assert nsd(prediction, truth, spacing, tolerance=1.9) == pytest.approx(2 / 3)
    assert nsd(prediction, truth, spacing, tolerance=2.0) == 1


def test_a_filled_square_has_a_boundary_along_its_edge_and_along_the_border_of_the_image():
    full = np.ones((4, 5), bool)
    hole = full.copy()
    hole[2, 2] = False

    # The outer boundary has 14 pixels. Three of the hole's neighbours are new, each a step away from it.
    assert assd(hole, full) == pytest.approx(3 * 1 / (14 + 17))


@pytest.mark.parametrize("shape", [(7,), (5, 9), (3, 4, 5), (2, 3, 2, 3)])
def test_masks_of_any_dimension(shape):
    one, other = np.zeros(shape, bool), np.zeros(shape, bool)
    one[(0,) * len(shape)] = other[(-1,) * len(shape)] = True
    diagonal = math.sqrt(sum((extent - 1) ** 2 for extent in shape))

    assert hd95(one, other) == pytest.approx(diagonal)
    assert assd(one, other) == pytest.approx(diagonal)
    assert (dice(one, other), dice(one, one), iou(other, other)) == (0, 1, 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 5, 1)])
def test_equal_masks_are_at_distance_zero_even_where_an_axis_has_one_voxel(shape):
    full = np.ones(shape, bool)

    assert [distance(full, full) for distance in DISTANCES] == [0, 0, 0]
    assert nsd(full, full, tolerance=0.0) == dice(full, full) == iou(full, full) == 1


@pytest.mark.parametrize("missing", ["diagonal", "inf", "drop"])
@pytest.mark.parametrize("shape", [(4, 5), (0, 5)])
def test_two_empty_masks_have_no_score(missing, shape):
    empty = np.zeros(shape, bool)

    assert all(math.isnan(distance(empty, empty, missing=missing)) for distance in [*DISTANCES, nsd])
    assert math.isnan(dice(empty, empty))
    assert math.isnan(iou(empty, empty))


@pytest.mark.parametrize("invented", [False, True])
def test_one_empty_mask_follows_the_policy_whichever_it_is(invented):
    pair = [np.zeros((4, 5), bool), mask(".....", ".##..", ".....", ".....")]
    if invented:
        pair.reverse()

    for distance in DISTANCES:
        assert distance(*pair, (2.0, 0.5)) == pytest.approx(math.hypot(3 * 2.0, 4 * 0.5))
        assert distance(*pair, (2.0, 0.5), missing="inf") == math.inf
        assert math.isnan(distance(*pair, (2.0, 0.5), missing="drop"))
    assert dice(*pair) == iou(*pair) == nsd(*pair) == nsd(*pair, missing="inf") == 0
    assert math.isnan(nsd(*pair, missing="drop"))


def test_predicting_nothing_gets_the_worst_distance_and_never_the_best():
    for index in range(40):
        (prediction,), (truth,), spacing = random_pair(index)
        worst = hd95(np.zeros_like(truth), truth, spacing)
        assert worst >= hausdorff(prediction, truth, spacing)
        assert worst >= hd95(prediction, truth, spacing)


def test_a_comparison_says_whether_the_label_was_missed():
    there, empty = np.ones((3, 3), bool), np.zeros((3, 3), bool)

    assert Comparison(empty, Truth(there)).missed
    assert not Comparison(there, Truth(there)).missed
    assert not Comparison(empty, Truth(empty)).missed
    assert not Comparison(there, Truth(empty)).missed


def test_one_truth_serves_many_predictions():
    _, (truth,), spacing = random_pair(3)
    shared = Truth(truth, spacing)
    (metric,) = parse_metrics("assd").values()

    for index in range(5):
        other = np.roll(truth, index, axis=0)
        assert metric.score(Comparison(other, shared)) == assd(other, truth, spacing)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32, torch.bfloat16])
def test_tensors_and_numbers_that_are_zero_or_one_are_masks(dtype):
    prediction, truth = mask("##.", "#.."), mask(".##", "##.")
    tensors = [torch.from_numpy(one).to(dtype) for one in (prediction, truth)]

    assert dice(*tensors) == dice(prediction.astype(int), truth) == dice(prediction, truth)
    assert hd95(*tensors) == hd95(prediction, truth)


def test_masks_need_not_be_contiguous():
    (prediction,), (truth,), spacing = random_pair(8)
    swapped = np.asfortranarray(prediction.T), truth.T[::-1][::-1]

    assert hd95(*swapped, spacing[::-1]) == pytest.approx(hd95(prediction, truth, spacing))


@pytest.mark.parametrize(
    ("prediction", "sentence"),
    [
        (np.full((2, 3), 0.7), "the prediction holds 0.7, .* threshold it"),
        (np.full((2, 3), np.nan), "the prediction holds nan, .* threshold it"),
        (np.full((2, 3), -1), "the prediction holds -1, .* one label at a time"),
        (np.full((2, 3), 255, np.uint8), "the prediction holds 255, .* one label at a time"),
        (torch.full((2, 3), 0.5), "the prediction holds 0.5"),
        (np.ones((3, 2), bool), "the prediction has shape 3 × 2 and the truth 2 × 3"),
        (np.ones((2, 3, 1), bool), "the prediction has shape 2 × 3 × 1 and the truth 2 × 3"),
    ],
)
def test_what_is_no_mask_or_of_another_shape_is_refused(prediction, sentence):
    with pytest.raises(RequestError, match=sentence):
        dice(prediction, np.ones((2, 3), bool))


def test_a_single_value_is_no_mask():
    with pytest.raises(RequestError, match="at least one axis"):
        dice(np.array(True), np.array(True))


@pytest.mark.parametrize(
    ("spacing", "sentence"),
    [
        ((1.0,), "has 1 entries for a mask of 2 axes"),
        ((1.0, 1.0, 1.0), "has 3 entries for a mask of 2 axes"),
        ((1.0, 0.0), "one positive finite number"),
        ((1.0, -2.0), "one positive finite number"),
        ((1.0, math.nan), "one positive finite number"),
        ((math.inf, 1.0), "one positive finite number"),
    ],
)
def test_a_spacing_that_is_none_is_refused(spacing, sentence):
    for metric in (*DISTANCES, nsd):
        with pytest.raises(RequestError, match=sentence):
            metric(np.ones((2, 3), bool), np.ones((2, 3), bool), spacing)


def test_a_tolerance_or_percentile_out_of_range_is_refused():
    full = np.ones((2, 3), bool)
    for tolerance in (-1.0, math.inf, math.nan):
        with pytest.raises(RequestError, match="is not a tolerance"):
            nsd(full, full, tolerance=tolerance)
    for percentile in (0.0, 100.1, math.nan):
        with pytest.raises(RequestError, match="is not a percentile"):
            hausdorff(full, full, percentile=percentile)


def test_a_point_on_the_tolerance_is_within_it_whatever_the_rounding():
    for step, count in itertools.product((0.1, 0.3, 0.7, 1.1), range(1, 12)):
        one, other = np.zeros((20, 1), bool), np.zeros((20, 1), bool)
        one[3], other[3 + count] = True, True
        assert nsd(one, other, (step, 1.0), tolerance=float(f"{step * count:.4f}")) == 1


def test_an_unknown_policy_is_refused_with_the_nearest():
    # In a process of its own, where no annotation is checked.
    script = """
import numpy as np
from robustq.metric import Comparison, Truth
Comparison(np.ones((2, 2), bool), Truth(np.ones((2, 2), bool)), "diagnal")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert "unknown policy for missing structures 'diagnal': did you mean diagonal?" in done.stderr
