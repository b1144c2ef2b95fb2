"""The contract of a metric as a check that a stranger's tests can run."""

import math
from typing import get_args

import numpy as np
from jaxtyping import Bool

from robustq.errors import RequestError
from robustq.metric import AbstractMetric, Comparison, Missing, Truth, Unit


def check_metric(metric: AbstractMetric) -> None:
    """Check what `AbstractMetric` promises, in two and three dimensions, with odd sizes and uneven voxels.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(metric).__name__
    for flag in ("measures_distance", "higher_is_better"):
        assert isinstance(getattr(metric, flag, None), bool), f"{name}.{flag} is not declared as True or False"
    units = [unit for unit in get_args(Unit) if _accepts(metric, unit)]
    assert units, f"{name} accepts no unit of spacing, neither {' nor '.join(get_args(Unit))}"
    for shape in ((17, 23), (9, 14, 11)):
        _check_scores(metric, name, shape, units[0])


def _accepts(metric: AbstractMetric, unit: Unit) -> bool:
    try:
        told = metric.unit(unit)
    except RequestError:
        return False
    assert isinstance(told, str), f"{type(metric).__name__}.unit({unit!r}) is {told!r} and not a text"
    return True


def _check_scores(metric: AbstractMetric, name: str, shape: tuple[int, ...], unit: Unit) -> None:
    whole, part, nothing = _cube(shape, 2, 8), _cube(shape, 5, 8), np.zeros(shape, bool)
    spacing = tuple(0.5 + 0.25 * axis for axis in range(len(shape)))

    def score(
        prediction: Bool[np.ndarray, "*s"], truth: Bool[np.ndarray, "*s"], missing: Missing = "diagonal"
    ) -> float:
        comparison = Comparison(prediction, Truth(truth, spacing, unit), missing)
        first, second = metric.score(comparison), metric.score(comparison)
        assert isinstance(first, float), f"{name} gives {first!r}, which is not a float"
        assert first == second or (math.isnan(first) and math.isnan(second)), f"{name} scores one pair in two ways"
        return first

    def worse(first: float, second: float) -> bool:
        return bool(first < second if metric.higher_is_better else first > second)

    before = whole.copy(), part.copy()
    best, some = score(whole, whole), score(part, whole)
    assert np.array_equal(whole, before[0]), f"{name} changes the truth"
    assert np.array_equal(part, before[1]), f"{name} changes the prediction"
    assert math.isfinite(best), f"{name} scores equal masks {best}"
    assert math.isnan(score(nothing, nothing)), f"{name} scores two empty masks: there is nothing to score, NaN is due"
    assert not worse(best, some), f"{name} scores a part ({some}) better than the whole ({best})"
    missed = score(nothing, whole)
    assert not worse(some, missed), f"{name} scores a missed label ({missed}) better than a part of it ({some})"
    dropped = score(nothing, whole, "drop")
    assert math.isnan(dropped) == metric.measures_distance, f"{name} scores a missed label {dropped} under missing=drop"
    if metric.unit(unit) == unit:
        assert math.isinf(score(nothing, whole, "inf")), f"{name} is a distance and not infinite under missing=inf"
        doubled = Truth(whole, tuple(2 * step for step in spacing), unit)
        twice = metric.score(Comparison(part, doubled))
        assert math.isclose(twice, 2 * some), (
            f"{name} is {some} {unit}, and {twice} {unit} when voxels are twice as wide"
        )


def _cube(shape: tuple[int, ...], start: int, stop: int) -> Bool[np.ndarray, "*s"]:
    mask = np.zeros(shape, bool)
    mask[(slice(start, stop),) * len(shape)] = True
    return mask
