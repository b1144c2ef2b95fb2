"""Prepares a case for a model, with settings that the model's bundle holds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch

from robustq.data.mask_values import MaskValue as MaskValue
from robustq.data.mask_values import (
    boolean_masks,
    check_labels,
    is_mask_value_text,
    mask_value_text,
    parse_mask_value,
)
from robustq.data.normalise import MeanStd, check_mean_std, check_normalisation, value_map
from robustq.data.patches import check_windows
from robustq.data.prepare_by_plan import prepare_by_plan
from robustq.data.resample import crop_or_pad, resample
from robustq.data.slices import slice_axis
from robustq.dataset import Case
from robustq.errors import RequestError

RGB = 3
"""Number of channels of an RGB image."""


@dataclass(frozen=True)
class Preparation:
    """Resize or resample, normalise, crop or pad, and name the labels.

    Perturbations and metrics act on the prepared case. For a 2D model that reads volumes slice by slice, sizes and
    spacings are those of the two axes in the slice.

    Attributes:
        dims: number of spatial axes of the model.
        channels: number of image channels of the network.
        grey_to_rgb: whether the network, which takes three channels, is shown grey images: it gets their one channel
            three times. The prepared case keeps its one channel.
        mean_std: the mean of each channel of the network, and the standard deviation of each, for values in [0, 1].
        normalise: how the values of each channel are changed. "min-max" maps the smallest and the largest value of the
            image to 0 and 1; "z-score" subtracts the mean and divides by the standard deviation; "percentile" maps the
            0.5 % and 99.5 % quantiles to 0 and 1 and clips the rest; "window" maps a fixed window to 0 and 1 and clips
            the rest; "imagenet" maps the intensity range to 0 and 1, and the network gets each channel minus the mean
            and divided by the standard deviation of ImageNet's images; "mean-std" does the same with `mean_std`;
            "none" changes nothing.
        window: (low, high) of "window". It also becomes the intensity range. With "imagenet" and "mean-std" it may be
            given too, and values outside it are clipped.
        standardise: (mean, standard deviation) in the stored unit. After values are clipped to the window, the mean is
            subtracted and they are divided by the standard deviation, instead of being mapped to [0, 1].
        axes: the order in which the model takes the axes of a volume, such as (2, 1, 0); None for the stored order. It
            does not apply to images with two axes.
        size: number of voxels along each axis to which the case is resized.
        spacing: the spacing in mm to which the case is resampled, instead of `size`.
        crop: number of voxels along each axis to which the case is then cropped or padded, about its centre.
        labels: the mask value or values of each label, and its name, in the order of the masks. Values may be skipped.
        ignore: mask value of the voxels that no metric counts.
        patch: number of voxels along each axis of the parts of a prepared case that the model sees. It is trained on
            patches of this size, and answers by sliding window. None for a model that sees whole cases.
        windows: how windows of this size are placed and blended: "gaussian:0.5" and "constant:0.25" are MONAI's, with
            these weights and this overlap, a share of a window; "nnunet" are nnU-Net's.
        plan: the part of nnU-Net's plans that says how a case is prepared. nnU-Net's own functions then crop, normalise
            and resample it, so `normalise` is "none", and `axes`, `size` and `crop` are None. None for other models.

    Raises:
        RequestError: a field has a value that cannot be used.
    """

    dims: int = 2
    channels: int = 1
    normalise: str = "min-max"
    window: tuple[float, float] | None = None
    size: tuple[int, ...] | None = None
    spacing: tuple[float, ...] | None = None
    crop: tuple[int, ...] | None = None
    labels: tuple[tuple[MaskValue, str], ...] = ((1, "1"),)
    ignore: int | None = None
    standardise: tuple[float, float] | None = None
    axes: tuple[int, ...] | None = None
    grey_to_rgb: bool = False
    mean_std: MeanStd | None = None
    patch: tuple[int, ...] | None = None
    windows: str = "gaussian:0.5"
    plan: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.dims not in (2, 3):
            raise RequestError(f"dims={self.dims} was given: a model has 2 or 3 spatial axes")
        if self.channels < 1:
            raise RequestError(f"channels={self.channels} was given: an image has 1 channel or more")
        if self.grey_to_rgb and self.channels != RGB:
            raise RequestError(
                f"grey_to_rgb repeats a grey image for a network of {RGB} channels, and the network takes "
                f"{self.channels}: give channels={RGB} (--in-channels {RGB}), or leave grey_to_rgb out"
            )
        check_normalisation(self.normalise, self.window, self.standardise)
        check_mean_std(self.normalise, self.mean_std, self.channels)
        if self.axes is not None and sorted(self.axes) != [0, 1, 2]:
            raise RequestError(f"axes={self.axes} is not an order of a volume's axes: give one such as (2, 1, 0)")
        if self.plan is not None and (self.normalise, self.axes, self.size, self.crop) != ("none", None, None, None):
            raise RequestError("plan says what normalise, axes, size and crop would say: leave these out")
        if self.size is not None and self.spacing is not None:
            raise RequestError("size and spacing were both given: give one of them")
        for name in ("size", "spacing", "crop", "patch"):
            extents = getattr(self, name)
            if extents is None:
                continue
            if not isinstance(extents, Sequence) or isinstance(extents, str):
                raise RequestError(
                    f"{name}={extents!r} is not a {name}: give {self.dims} numbers, as in {name}=(64, 64)"
                )
            whole = name == "spacing" or all(extent % 1 == 0 for extent in extents)
            if len(extents) != self.dims or not all(0 < extent < math.inf for extent in extents) or not whole:
                raise RequestError(
                    f"{name} {'x'.join(f'{extent:g}' for extent in extents)} does not fit a {self.dims}D model: give "
                    f"{self.dims} {'' if name == 'spacing' else 'whole '}numbers above 0"
                )
        check_labels(self.labels, self.ignore)
        check_windows(self.windows)

    def __call__(self, case: Case) -> Case:
        """The prepared case: a float32 image and boolean masks (L, *S), with the intensity range and the spacing that
        they now have.

        A case without a mask is prepared in the same way, and the result has no mask.

        Raises:
            RequestError: the case does not fit the model: it has another number of channels, fewer axes or unknown mask
                values.
        """
        self._check(case)
        if self.plan is not None:
            return self._planned(case, self.plan)
        case = self._ordered(case)
        masks, ignored = boolean_masks(case, self.labels, self.ignore)
        if self.window is not None:
            limits = torch.tensor([self.window], dtype=torch.float64).expand(self.case_channels, 2)
            case = replace(case, intensity_range=limits)
        stacked = masks if masks is None or ignored is None else torch.cat([masks, ignored[None]])
        image, stacked, spacing = resample(
            case.image,
            stacked,
            case.spacing,
            size=self._along(case, self.size),
            spacing_to=self._along(case, self.spacing),
        )
        normalised = value_map(image, self.normalise, self.window, self.standardise, case.intensity_range)
        image, limits = normalised(image), normalised(case.intensity_range)
        if self.crop is not None:
            image, stacked = crop_or_pad(image, stacked, self._along(case, self.crop) or self.crop)
        return replace(
            case,
            image=image.float(),
            mask=None if stacked is None else stacked[: len(self.labels)],
            ignored=None if stacked is None or ignored is None else stacked[-1],
            intensity_range=limits,
            spacing=spacing,
            labels=tuple(name for _, name in self.labels),
            slice_axis=self._slice_axis(case),
        )

    def _planned(self, case: Case, plan: Mapping[str, Any]) -> Case:
        """The case as nnU-Net prepares it. The stored mask is checked before the crop could hide one of its values."""
        boolean_masks(case, self.labels, self.ignore)
        case = prepare_by_plan(case, plan)
        masks, ignored = boolean_masks(case, self.labels, self.ignore)
        return replace(
            case,
            mask=masks,
            ignored=ignored,
            labels=tuple(name for _, name in self.labels),
            slice_axis=self._slice_axis(case),
        )

    @property
    def case_channels(self) -> int:
        """Number of image channels of a case: one where a grey image is repeated, else those of the network."""
        return 1 if self.grey_to_rgb else self.channels

    def _check(self, case: Case) -> None:
        channels = len(case.image)
        if channels != self.case_channels:
            raise RequestError(
                f"case {case.entry.id} has {channels} image channel{'s' * (channels > 1)}, the model takes "
                f"{self.case_channels}: {self._way_out(channels)}, or convert the images"
            )
        if case.dims < self.dims:
            raise RequestError(
                f"case {case.entry.id} is an image, the model takes volumes: wrap the model with --dims 2"
            )
        if self.spacing is not None and case.unit == "px":
            raise RequestError(
                f"case {case.entry.id} has no spacing in mm, so it cannot be resampled: give --size, not --spacing"
            )

    def _way_out(self, channels: int) -> str:
        """How a model is wrapped that takes this number of channels."""
        if self.grey_to_rgb:
            return "wrap the model without --grey-to-rgb (grey_to_rgb of robustq.Preparation)"
        if (channels, self.channels) == (1, RGB):
            return "wrap the model with --grey-to-rgb (robustq.Preparation(channels=3, grey_to_rgb=True))"
        return f"wrap the model with --in-channels {channels}"

    def _ordered(self, case: Case) -> Case:
        """The case with its axes in the model's order."""
        if self.axes is None or case.dims < len(self.axes):
            return case
        return replace(
            case,
            image=case.image.permute(0, *(axis + 1 for axis in self.axes)),
            mask=None if case.mask is None else case.mask.permute(self.axes),
            spacing=tuple(case.spacing[axis] for axis in self.axes),
        )

    def _along(self, case: Case, extents: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """The extents along all axes of the case; None along the axis that a 2D model reads slice by slice."""
        axis = self._slice_axis(case)
        return extents if extents is None or axis is None else (*extents[:axis], None, *extents[axis:])

    def _slice_axis(self, case: Case) -> int | None:
        """The axis along which a 2D model reads a volume; None where the case has no further axis.

        The stored spacing decides, because resizing the slices can make another axis the coarsest. nnU-Net has decided
        it in its plans, and its slices lie along the last axis.
        """
        if case.dims == self.dims:
            return None
        return slice_axis(case.spacing) if self.plan is None else self.dims

    def differences(self, other: "Preparation") -> list[str]:
        """The fields that differ from another preparation, each as text for a message."""
        return [
            f"{field.name} {getattr(self, field.name)} against {getattr(other, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        ]

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        document = asdict(self) | {"labels": {mask_value_text(value): name for value, name in self.labels}}
        # Then earlier versions read the bundle, and their runs can be resumed.
        return {name: value for name, value in document.items() if name not in _LATER or value != _LATER[name]}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> "Preparation":
        """Rebuild a preparation from the result of `to_dict`.

        Raises:
            RequestError: entries are missing or unknown, or have values that cannot be used.
        """
        names = {field.name for field in fields(cls)}
        document = {"standardise": None, "axes": None, **_LATER, **document}  # earlier bundles do not have these
        if set(document) != names:
            raise RequestError(
                f"the preparation has missing or unknown entries ({', '.join(sorted(set(document) ^ names))}): create "
                "the bundle again"
            )
        for name, value in document.items():
            if not _well_formed(name, value):
                raise RequestError(
                    f"the preparation has {name}={value!r}, which is not a valid value: create the bundle again"
                )
        tuples = {name: tuple(document[name]) for name in _TUPLES if document[name] is not None}
        if document["mean_std"] is not None:
            tuples["mean_std"] = tuple(map(tuple, document["mean_std"]))
        labels = tuple((parse_mask_value(text), name) for text, name in document["labels"].items())
        return cls(**{**document, **tuples, "labels": labels})


_TUPLES = {"window": float, "size": int, "spacing": float, "crop": int, "standardise": float, "axes": int, "patch": int}

_LATER = {"grey_to_rgb": False, "mean_std": None, "patch": None, "windows": "gaussian:0.5", "plan": None}
"""Fields that are written only where they say something, and the values that say nothing."""


def _well_formed(name: str, value: Any) -> bool:
    """Whether a value of a JSON document has the type that the field needs."""
    if name == "labels":
        return isinstance(value, dict) and all(map(is_mask_value_text, value))
    if name == "plan":
        return value is None or isinstance(value, dict)
    if name == "mean_std":
        return value is None or (
            isinstance(value, list) and len(value) == 2 and all(_well_formed("standardise", part) for part in value)
        )
    if name in _TUPLES:
        kinds = (int, float) if _TUPLES[name] is float else (int,)
        return value is None or (isinstance(value, list) and all(type(entry) in kinds for entry in value))
    if name in ("normalise", "windows", "grey_to_rgb"):
        return isinstance(value, bool if name == "grey_to_rgb" else str)
    return type(value) is int or (name == "ignore" and value is None)
