"""Translates the image processor of transformers into robustq's preparation."""

from collections.abc import Mapping, Sequence
from typing import Any

from robustq.data.mask_values import Labels
from robustq.data.normalise import IMAGENET
from robustq.data.preparation import RGB, Preparation

SIZE = ("size", "spacing", "crop")
VALUES = ("normalise", "window", "mean_std")


def prepared(
    processing: Mapping[str, Any], *, channels: int, labels: Labels
) -> tuple[Preparation, tuple[str, ...], tuple[str, ...]]:
    """The preparation of cases, remarks on what it does not express, and the fields that nothing is said about.

    Args:
        processing: preprocessor_config.json; empty where the folder has none.
        channels: image channels of the network.
        labels: labels of the network.
    """
    size, size_remarks = _size(processing)
    values, value_remarks = _values(processing, channels)
    remarks = [*size_remarks, *value_remarks]
    if processing.get("do_reduce_labels") or processing.get("reduce_labels"):
        remarks.append(
            "in training the mask value of a class was one more than its number in id2label, and 0 was no class "
            "(do_reduce_labels): here the mask value is that number"
        )
    if processing.get("do_flip_channel_order"):
        remarks.append(
            "its images had their channels in the order blue, green, red (do_flip_channel_order): give them so, "
            "because robustq keeps the stored order"
        )
    # Whether grey images are shown to an RGB network, no processor says.
    of_the_network = ("patch", *(("grey_to_rgb",) if channels == RGB else ()))
    unsaid = ("ignore", *of_the_network, *(() if size else SIZE), *(() if processing else VALUES))
    return Preparation(channels=channels, labels=labels, size=size, **values), tuple(remarks), unsaid


def _size(processing: Mapping[str, Any]) -> tuple[tuple[int, ...] | None, list[str]]:
    """The size to which images are resized."""
    asked, remarks = processing.get("size"), []
    size = None
    if processing.get("do_resize"):
        match asked:
            case {"height": int(height), "width": int(width)}:
                size = (height, width)
            case int(extent):
                size = (extent, extent)
            case _:
                remarks.append(f"its images were resized to {asked}, which has no counterpart here: give --size")
    if processing.get("do_center_crop"):
        remarks.append(f"its images were cropped to {processing.get('crop_size')}, here they are not")
    if processing.get("do_pad"):
        remarks.append("its images were padded by its image processor, here they are not")
    return size, remarks


def _values(processing: Mapping[str, Any], channels: int) -> tuple[dict[str, Any], list[str]]:
    """How values are normalised: rescaled from [0, 1 / rescale_factor], then standardised by a mean and a deviation."""
    if not processing:
        return {}, []
    factor = float(processing.get("rescale_factor") or 1 / 255) if processing.get("do_rescale", True) else 1.0
    mean, deviation = _numbers(processing.get("image_mean")), _numbers(processing.get("image_std"))
    standardised = bool(processing.get("do_normalize") and mean and deviation)
    if factor == 1.0:
        remark = f"its images were standardised by the mean {mean} and the deviation {deviation}, here they are not"
        return {"normalise": "none"}, [remark] if standardised else []
    window = {"normalise": "window", "window": (0.0, round(1 / factor, 6))}
    if not standardised:
        return window, []
    if len(set(mean)) == len(set(deviation)) == 1:
        return window | {"standardise": (mean[0] / factor, deviation[0] / factor)}, []
    each = (tuple(mean), tuple(deviation))
    if len(mean) == len(deviation) == channels:
        return window | (
            {"normalise": "imagenet"} if each == IMAGENET else {"normalise": "mean-std", "mean_std": each}
        ), []
    return window, [
        f"its images were standardised by the mean {mean} and the deviation {deviation} of each channel, here they are "
        "scaled to [0, 1] alone"
    ]


def _numbers(value: Any) -> list[float]:
    if isinstance(value, int | float):
        return [float(value)]
    return [float(number) for number in value] if isinstance(value, Sequence) else []
