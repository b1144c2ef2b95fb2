"""The metrics as functions of two masks.

Masks are arrays of NumPy or PyTorch with any number of axes; they are boolean, or hold 0 and 1. Two empty masks have
no value: NaN. If one of the two masks is empty, the overlap is 0 and a distance follows the policy `missing`, whether
the structure was missed or invented: "diagonal" gives the largest distance of the image, "inf" gives infinity, "drop"
gives NaN. Distances are in the unit of the spacing, and in px where no spacing is given.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Shaped
from torch import Tensor

from robustq import registry
from robustq.errors import RequestError
from robustq.metric import AbstractMetric, Comparison, Missing, Truth

AnyMask = Shaped[np.ndarray, "..."] | Shaped[Tensor, "..."]

__all__ = ["assd", "dice", "hausdorff", "hd95", "iou", "nsd"]


def dice(prediction: AnyMask, truth: AnyMask) -> float:
    """2|P∩G| / (|P| + |G|), from 0 to 1.

    Raises:
        RequestError: the shapes differ, or a mask holds another value than 0 and 1.
    """
    return _score("dice", _compare(prediction, truth))


def iou(prediction: AnyMask, truth: AnyMask) -> float:
    """|P∩G| / |P∪G|, from 0 to 1.

    Raises:
        RequestError: as `dice`.
    """
    return _score("iou", _compare(prediction, truth))


def hd95(
    prediction: AnyMask, truth: AnyMask, spacing: Sequence[float] | None = None, missing: Missing = "diagonal"
) -> float:
    """The larger of the two directed 95th percentiles of the distances between the boundaries.

    Args:
        prediction: predicted mask, (*S).
        truth: true mask, (*S).
        spacing: extent of a voxel along each axis; 1 along each axis if it is not given.
        missing: policy for the distance if one mask is empty.

    Raises:
        RequestError: as `dice`; the spacing is not one positive number for each axis; the policy does not exist.
    """
    return _score("hd95", _compare(prediction, truth, spacing, missing))


def hausdorff(
    prediction: AnyMask,
    truth: AnyMask,
    spacing: Sequence[float] | None = None,
    missing: Missing = "diagonal",
    percentile: float = 100.0,
) -> float:
    """The larger of the two directed percentiles of the boundary distances; at 100 it is Hausdorff's distance.

    Raises:
        RequestError: as `hd95`; the percentile is not from 1 to 100.
    """
    return _score("hausdorff", _compare(prediction, truth, spacing, missing), float(percentile))


def assd(
    prediction: AnyMask, truth: AnyMask, spacing: Sequence[float] | None = None, missing: Missing = "diagonal"
) -> float:
    """The mean distance between the two boundaries, over the points of both together.

    Raises:
        RequestError: as `hd95`.
    """
    return _score("assd", _compare(prediction, truth, spacing, missing))


def nsd(
    prediction: AnyMask,
    truth: AnyMask,
    spacing: Sequence[float] | None = None,
    missing: Missing = "diagonal",
    tolerance: float = 2.0,
) -> float:
    """The share of both boundaries that lies within the tolerance of the other boundary, from 0 to 1.

    If one mask is empty, it is 0, or NaN under `missing="drop"`.

    Args:
        prediction: as `hd95`.
        truth: as `hd95`.
        spacing: as `hd95`.
        missing: as `hd95`.
        tolerance: 0 or more, in the unit of the spacing: 2 mm with a spacing in mm, 2 px without spacing.

    Raises:
        RequestError: as `hd95`; the tolerance is negative or not finite.
    """
    return _score("nsd", _compare(prediction, truth, spacing, missing), float(tolerance))


def _score(name: str, comparison: Comparison, *setting: float) -> float:
    """The score of a registered metric."""
    metric: AbstractMetric = registry.load("metrics", name)(*setting)
    return metric.score(comparison)


def _compare(
    prediction: AnyMask, truth: AnyMask, spacing: Sequence[float] | None = None, missing: Missing = "diagonal"
) -> Comparison:
    true = Truth(_as_mask(truth, "truth"), None if spacing is None else tuple(map(float, spacing)))
    return Comparison(_as_mask(prediction, "prediction"), true, missing)


def _as_mask(array: AnyMask, name: str) -> Bool[np.ndarray, "..."]:
    if isinstance(array, Tensor):
        # NumPy has no bfloat16.
        array = (array.double() if array.is_floating_point() else array).detach().cpu().numpy()
    array = np.asarray(array)
    if array.dtype == bool:
        return array
    mask: np.ndarray = array == 1
    invalid = array[~mask & (array != 0)]
    if invalid.size == 0:
        return mask
    remedy = "threshold it, as in scores > 0.5"
    if (invalid == np.round(invalid)).all():
        remedy = "give one label at a time, as in labels == 2"
    raise RequestError(f"the {name} holds {invalid[0]:g}, but a mask may hold only 0 and 1: {remedy}")
