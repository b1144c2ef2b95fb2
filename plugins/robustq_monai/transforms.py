"""Translates the transforms of a MONAI bundle into robustq's preparation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

WITHOUT_COUNTERPART = (
    *("LoadImage", "EnsureChannelFirst", "EnsureType", "AddChannel", "AsChannelFirst", "CastToType", "ToTensor"),
    *("SelectItems", "DeleteItems", "CopyItems", "ToDevice", "Identity", "AsDiscrete"),
)
"""Transforms that read a case or change its type, which robustq does in its own way."""

ORDER = ("size", "spacing", "normalise", "crop")
"""The order in which a preparation does what transforms ask for."""


def translated(transforms: Sequence[Any], channels: int) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Fields of a preparation, and remarks on the transforms that it cannot express.

    Args:
        transforms: the transforms of a case as the configuration writes them, with references replaced. A transform
            that could not be read is its name alone.
        channels: image channels of the network.
    """
    fields: dict[str, Any] = {}
    remarks: list[str] = []
    order: list[str] = []
    for transform in transforms:
        if not isinstance(transform, Mapping):
            remarks.append(f"{transform} has settings that are expressions, so it is left out here")
            continue
        if transform.get("_disabled_") is True or not _of_the_image(transform):
            continue
        name = str(transform.get("_target_", "")).rpartition(".")[2]
        name = name.removesuffix("Dict").removesuffix("d").removesuffix("D")
        if name in WITHOUT_COUNTERPART:
            continue
        translate = TRANSFORMS.get(name)
        try:
            found, words = ({}, [_left_out(name)]) if translate is None else translate(transform)
        except (TypeError, ValueError, LookupError, ZeroDivisionError):
            found, words = {}, [f"{name} has settings that robustq does not read, so it is left out here"]
        if name == "NormalizeIntensity" and (exact := _each_channel(transform, fields, channels)):
            fields |= exact
            continue
        if channels > 1 and name in OVER_CHANNELS and not transform.get("channel_wise", False):
            words = [*words, f"{name} took all channels together, here each channel is taken alone"]
        twice = sorted(set(found) & set(fields))
        if twice:
            found, words = {}, [f"{name} would set {', '.join(twice)} again, so it is left out here"]
        fields |= found
        remarks += words
        order += [field for field in ORDER if field in found]
    ordered = sorted(order, key=ORDER.index)
    if order != ordered:
        remarks.append(f"in training the order was {', '.join(order)}, here it is {', '.join(ordered)}")
    return fields, tuple(remarks)


def _of_the_image(transform: Mapping[str, Any]) -> bool:
    keys = transform.get("keys", "image")
    return "image" in ([keys] if isinstance(keys, str) else keys)


def _left_out(name: str) -> str:
    return f"{name} has no counterpart here, so it is left out"


def _floats(value: Any) -> tuple[float, ...]:
    return tuple(float(number) for number in value)


def _whole(value: Any) -> tuple[int, ...]:
    extents = tuple(int(number) for number in value)
    if min(extents) < 1:
        raise ValueError(f"{value} leaves an extent open")
    return extents


Found = tuple[dict[str, Any], list[str]]
"""Fields of a preparation, and remarks."""


def _spacing(transform: Mapping[str, Any]) -> Found:
    return {"spacing": _floats(transform["pixdim"])}, []


def _resize(transform: Mapping[str, Any]) -> Found:
    return {"size": _whole(transform["spatial_size"])}, []


def _crop(transform: Mapping[str, Any]) -> Found:
    return {"crop": _whole(transform["spatial_size"])}, []


def _orientation(transform: Mapping[str, Any]) -> Found:
    codes = transform.get("axcodes", "RAS")
    return {}, [f"its images were turned to the orientation {codes}: store them so, because robustq does not turn them"]


def _range(transform: Mapping[str, Any]) -> Found:
    low, high = float(transform["a_min"]), float(transform["a_max"])
    start, end = transform.get("b_min"), transform.get("b_max")
    fields: dict[str, Any] = {"normalise": "window", "window": (low, high)}
    start, end = (low, high) if start is None or end is None else (float(start), float(end))
    if (start, end) != (0.0, 1.0):
        step = (high - low) / (end - start)  # stored units for one unit of the result
        fields["standardise"] = (low - start * step, step)
    clipped = bool(transform.get("clip", False))
    return fields, [] if clipped else [f"values outside {low:g}..{high:g} were kept in training, here they are clipped"]


def _min_max(transform: Mapping[str, Any]) -> Found:
    if (transform.get("minv", 0.0), transform.get("maxv", 1.0)) != (0.0, 1.0) or transform.get("factor") is not None:
        return {}, [_left_out("ScaleIntensity to a range other than 0..1")]
    return {"normalise": "min-max"}, []


def _percentiles(transform: Mapping[str, Any]) -> Found:
    asked = tuple(float(transform[name]) for name in ("lower", "upper", "b_min", "b_max"))
    if asked != (0.5, 99.5, 0.0, 1.0):
        return {}, [_left_out(f"ScaleIntensityRangePercentiles with {asked}")]
    return {"normalise": "percentile"}, []


def _z_score(transform: Mapping[str, Any]) -> Found:
    if transform.get("subtrahend") is not None or transform.get("divisor") is not None:
        return {}, [_left_out("NormalizeIntensity with a given mean or deviation")]
    nonzero = bool(transform.get("nonzero", False))
    remark = "its z-score was taken over the nonzero region, here over the whole image"
    return {"normalise": "z-score"}, [remark] if nonzero else []


def _each_channel(transform: Mapping[str, Any], fields: Mapping[str, Any], channels: int) -> dict[str, Any]:
    """The fields for a given mean and deviation after values were scaled from a window to [0, 1]; else nothing."""
    mean, deviation = transform.get("subtrahend"), transform.get("divisor")
    scaled = fields.get("normalise") == "window" and "standardise" not in fields
    if mean is None or deviation is None or not scaled or transform.get("nonzero", False):
        return {}
    each = tuple(
        _floats(value) if isinstance(value, Sequence) else (float(value),) * channels for value in (mean, deviation)
    )
    return {"normalise": "mean-std", "mean_std": each} if {len(part) for part in each} == {channels} else {}


OVER_CHANNELS = ("ScaleIntensity", "ScaleIntensityRangePercentiles", "NormalizeIntensity")
"""Transforms that look at all channels together, unless they are told otherwise."""

TRANSFORMS: dict[str, Callable[[Mapping[str, Any]], Found]] = {
    "Spacing": _spacing,
    "Resize": _resize,
    "ResizeWithPadOrCrop": _crop,
    "Orientation": _orientation,
    "ScaleIntensityRange": _range,
    "ScaleIntensity": _min_max,
    "ScaleIntensityRangePercentiles": _percentiles,
    "NormalizeIntensity": _z_score,
}
"""Name of a transform, without the d of the ones on dictionaries -> its translation."""
