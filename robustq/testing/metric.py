"""A check that a metric keeps its contract, for the tests of any project."""

import math
from typing import get_args

import numpy as np
from jaxtyping import Bool, Float

from robustq.errors import RequestError
from robustq.metric import AbstractMetric, Comparison, Missing, Truth, Unit


def check_metric(metric: AbstractMetric) -> None:
    """Check what `AbstractMetric` promises, in 2D and 3D, with odd sizes and with voxels of unequal sides.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(metric).__name__
    for flag in ("measures_distance", "higher_is_better", "needs_probabilities"):
        assert isinstance(getattr(metric, flag, None), bool), f"{name}.{flag} is not declared as True or False"
    units = [unit for unit in get_args(Unit) if _accepts(metric, unit)]
    assert units, f"{name} accepts no unit of spacing: neither {' nor '.join(get_args(Unit))}"
    for shape in ((17, 23), (9, 14, 11)):
        _check_scores(metric, name, shape, units[0])


def _accepts(metric: AbstractMetric, unit: Unit) -> bool:
    try:
        score_unit = metric.unit(unit)
    except RequestError:
        return False
    assert isinstance(score_unit, str), f"{type(metric).__name__}.unit({unit!r}) is {score_unit!r}, which is not a text"
    return True


def _check_scores(metric: AbstractMetric, name: str, shape: tuple[int, ...], unit: Unit) -> None:
    whole_mask, part_mask, empty_mask = _cube(shape, 2, 8), _cube(shape, 5, 8), np.zeros(shape, bool)
    spacing = tuple(0.5 + 0.25 * axis for axis in range(len(shape)))

    def score(
        prediction: Bool[np.ndarray, "*s"], truth: Bool[np.ndarray, "*s"], missing: Missing = "diagonal"
    ) -> float:
        comparison = Comparison(prediction, Truth(truth, spacing, unit), missing, _probability(metric, prediction))
        value, repeated = metric.score(comparison), metric.score(comparison)
        assert isinstance(value, float), f"{name} gives {value!r}, which is not a float"
        assert value == repeated or (math.isnan(value) and math.isnan(repeated)), (
            f"{name} scores the same pair of masks {value}, then {repeated}"
        )
        assert not value > metric.largest, f"{name} scores {value}, above its largest, {metric.largest}"
        return value

    def worse(first: float, second: float) -> bool:
        return bool(first < second if metric.higher_is_better else first > second)

    whole_before, part_before = whole_mask.copy(), part_mask.copy()
    score_of_whole, score_of_part = score(whole_mask, whole_mask), score(part_mask, whole_mask)
    assert np.array_equal(whole_mask, whole_before), f"{name} changes the truth"
    assert np.array_equal(part_mask, part_before), f"{name} changes the prediction"
    assert math.isfinite(score_of_whole), f"{name} scores equal masks {score_of_whole}"
    assert math.isnan(score(empty_mask, empty_mask)), (
        f"{name} scores two empty masks, where there is nothing to score: NaN is expected"
    )
    assert not worse(score_of_whole, score_of_part), (
        f"{name} scores a part ({score_of_part}) better than the whole ({score_of_whole})"
    )
    missed = score(empty_mask, whole_mask)
    assert not worse(score_of_part, missed), (
        f"{name} scores a missed label ({missed}) better than a part of it ({score_of_part})"
    )
    dropped = score(empty_mask, whole_mask, "drop")
    assert math.isnan(dropped) == metric.measures_distance, f"{name} scores a missed label {dropped} under missing=drop"
    if metric.unit(unit) == unit:
        assert math.isinf(score(empty_mask, whole_mask, "inf")), (
            f"{name} is a distance, and it is not infinite for a missed label under missing=inf"
        )
        doubled = Truth(whole_mask, tuple(2 * step for step in spacing), unit)
        twice = metric.score(Comparison(part_mask, doubled, probability=_probability(metric, part_mask)))
        assert math.isclose(twice, 2 * score_of_part), (
            f"{name} is {score_of_part} {unit}, and {twice} {unit} for voxels that are twice as wide"
        )


def _probability(metric: AbstractMetric, prediction: Bool[np.ndarray, "*s"]) -> Float[np.ndarray, "*s"] | None:
    """Probabilities of a model that is nearly sure of its prediction; None if the metric needs none."""
    return np.where(prediction, 0.999, 0.001) if metric.needs_probabilities else None


def _cube(shape: tuple[int, ...], start: int, stop: int) -> Bool[np.ndarray, "*s"]:
    mask = np.zeros(shape, bool)
    mask[(slice(start, stop),) * len(shape)] = True
    return mask
