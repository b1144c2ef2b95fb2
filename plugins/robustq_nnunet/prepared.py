"""Prepares a case as nnU-Net's preprocessor does, with nnU-Net's own functions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from nibabel.orientations import apply_orientation, axcodes2ornt
from nnunetv2.preprocessing.cropping.cropping import crop_to_nonzero
from nnunetv2.preprocessing.normalization.default_normalization_schemes import (
    CTNormalization,
    NoNormalization,
    RescaleTo01Normalization,
    RGBTo01Normalization,
    ZScoreNormalization,
)
from nnunetv2.preprocessing.resampling.default_resampling import compute_new_shape, resample_data_or_seg_to_shape
from nnunetv2.preprocessing.resampling.no_resampling import no_resampling_hack
from nnunetv2.preprocessing.resampling.resample_torch import resample_torch_fornnunet

from robustq.dataset import Case
from robustq.errors import CaseError

PICTURES = "NaturalImage2DIO"
"""nnU-Net's reader of pictures such as PNG: the axes are the picture's, and there is no spacing."""

TURNED = "NibabelIOWithReorient"
"""nnU-Net's reader that turns volumes until their axes point right, anterior and superior."""

SCHEMES: dict[str, type[Any]] = {
    scheme.__name__: scheme
    for scheme in (
        CTNormalization,
        NoNormalization,
        RescaleTo01Normalization,
        RGBTo01Normalization,
        ZScoreNormalization,
    )
}
RESAMPLINGS: dict[str, Callable[..., np.ndarray]] = {
    function.__name__: function
    for function in (resample_data_or_seg_to_shape, resample_torch_fornnunet, no_resampling_hack)
}
"""Normalisations and resamplings by name. Names are looked up here only, so a plan can name no other function."""

THICK = 999
"""An image without a third axis is one slice, as thick as this many of its pixels."""

EPS = 1e-8
"""The smallest divisor in nnU-Net's normalisations."""


def prepared(case: Case, plan: Mapping[str, Any]) -> Case:
    """A stored case on nnU-Net's preprocessed grid, cropped, normalised and resampled as nnU-Net does it.

    The axes are in nnU-Net's order. Where a 2D network reads a volume, its slices lie along the last axis, which is
    nnU-Net's first. The mask keeps its stored values; where the crop left voxels without a value, it is background.

    Args:
        case: a stored case.
        plan: the part of the plans that `robustq_nnunet.planned` keeps.

    Raises:
        CaseError: the image is 0 everywhere, or its values do not fit the normalisation.
    """
    image, mask, present = _in_their_order(case, plan)
    if not image.any():
        raise CaseError("the image is 0 everywhere, so nnU-Net finds no region to crop to")
    image, mask, _ = crop_to_nonzero(image, mask)
    target = [*present[: len(present) - len(plan["spacing"])], *plan["spacing"]]
    shape = compute_new_shape(image.shape[1:], present, target)

    limits = []
    for channel, (name, masked) in enumerate(zip(plan["schemes"], plan["masked"], strict=True)):
        properties = plan["intensities"][channel]
        inside = image[channel][mask[0] >= 0] if masked else image[channel]
        limits.append(_carried(case.intensity_range[channel], name, inside.astype(np.float64), properties))
        try:
            image[channel] = SCHEMES[name](masked, properties).run(image[channel], mask[0])
        except AssertionError as error:
            raise CaseError(f"nnU-Net's {name} refuses the image: {error}") from error

    image, mask = (
        RESAMPLINGS[plan[kind]["name"]](array, shape, present, target, **plan[kind]["settings"])
        for kind, array in (("image_resampling", image), ("mask_resampling", mask))
    )
    sliced = case.dims > len(plan["spacing"])

    def ours(array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        return tensor[:, 0] if case.dims == 2 else tensor.movedim(1, -1) if sliced else tensor

    return replace(
        case,
        image=ours(image),
        mask=None if case.mask is None else ours(mask)[0].clamp(min=0).long(),
        intensity_range=torch.stack(limits),
        spacing=tuple(target[1:] if case.dims == 2 else [*target[1:], target[0]] if sliced else target),
    )


def _in_their_order(case: Case, plan: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray | None, list[float]]:
    """Image (C, Z, Y, X), mask (1, Z, Y, X) and spacing with the axes in nnU-Net's order, as copies."""
    arrays = [case.image.numpy()] + ([] if case.mask is None else [case.mask.numpy()[None]])
    spacing = list(case.spacing)
    if plan["reader"] == TURNED and len(case.orientation) == 3 and "?" not in case.orientation:
        turn = axcodes2ornt(case.orientation)
        arrays = [np.moveaxis(apply_orientation(np.moveaxis(array, 0, -1), turn), -1, 0) for array in arrays]
        spacing = [spacing[axis] for axis in np.argsort(turn[:, 0])]
    if plan["reader"] != PICTURES:  # the others read the last axis first
        arrays = [array.transpose(0, *range(case.dims, 0, -1)) for array in arrays]
        spacing.reverse()
    # A mean is rounded otherwise where the values lie otherwise in memory.
    arrays = [array.astype(np.float32, order="C") for array in arrays]
    transpose: Sequence[int] = plan["transpose"]
    if case.dims == 2:
        arrays = [array[:, None] for array in arrays]
        spacing = [THICK * max(spacing), *spacing]
        transpose = [0, *(axis for axis in transpose if axis != 0)]
    arrays = [array.transpose(0, *(axis + 1 for axis in transpose)) for array in arrays]
    return arrays[0], (arrays[1] if len(arrays) > 1 else None), [spacing[axis] for axis in transpose]


def _carried(
    limits: torch.Tensor, scheme: str, values: np.ndarray, properties: Mapping[str, float] | None
) -> torch.Tensor:
    """The intensity range of a channel after its normalisation. A normalisation that clips has a range of its own.

    Args:
        limits: low and high before it.
        scheme: name of the normalisation.
        values: the values from which the normalisation takes its mean or its ends.
        properties: the intensities of the training cases in this channel.
    """
    if scheme == "ZScoreNormalization":
        return (limits - float(values.mean())) / max(float(values.std()), EPS)
    if scheme == "RescaleTo01Normalization":
        return (limits - float(values.min())) / max(float(np.ptp(values)), EPS)
    if scheme == "RGBTo01Normalization":
        return torch.tensor([0.0, 1.0], dtype=torch.float64)
    if scheme == "CTNormalization" and properties is not None:
        window = torch.tensor([properties["percentile_00_5"], properties["percentile_99_5"]], dtype=torch.float64)
        return (window - properties["mean"]) / max(properties["std"], EPS)
    return limits
