"""What is done to a case before a model sees it; a bundle carries it."""

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robustq.data.resample import crop_or_pad, resample
from robustq.data.slices import slice_axis
from robustq.dataset import Case
from robustq.errors import RequestError, unknown

NORMALISATIONS = ("min-max", "z-score", "percentile", "window", "none")
PERCENTILES = (0.5, 99.5)

MaskValue = int | tuple[int, ...]
"""Of a label: a value of the stored mask; or several, of which the label is the union. Unions may overlap."""


@dataclass(frozen=True)
class Preparation:
    """Resize or resample, normalise, crop or pad, and name the labels.

    Perturbations and metrics act on the prepared case. For a 2D model on volumes, sizes and spacings are those of the
    two axes in the slice.

    Attributes:
        dims: spatial axes of the model.
        channels: image channels of the model.
        normalise: "min-max" maps the image's own extremes to [0, 1]; "z-score" takes off its mean and divides by its
            standard deviation; "percentile" maps its 0.5 % and 99.5 % quantiles to [0, 1] and clips; "window" does so
            with a fixed window; "none" leaves it. Each channel on its own.
        window: (low, high) of "window"; it is the intensity range, too.
        standardise: (mean, standard deviation) in the stored unit: values clipped to the window are brought to these
            instead of to [0, 1].
        axes: the order in which the model takes the axes of a volume, such as (2, 1, 0); as stored without. Two axes
            stay as they are.
        size: resize to so many voxels.
        spacing: or resample to this spacing, in mm.
        crop: then crop or pad about the centre to so many voxels.
        labels: raw mask value, or values, and name of each label, in the order of the masks; gaps are allowed.
        ignore: raw mask value that counts nowhere.

    Raises:
        RequestError: a field is not usable.
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

    def __post_init__(self) -> None:
        if self.dims not in (2, 3):
            raise RequestError(f"dims={self.dims} was asked: a model has 2 or 3 spatial axes")
        if self.channels < 1:
            raise RequestError(f"channels={self.channels} was asked: an image has 1 channel or more")
        if self.normalise not in NORMALISATIONS:
            raise unknown("normalisation", self.normalise, NORMALISATIONS)
        if (self.normalise == "window") != (self.window is not None):
            raise RequestError("normalise=window and a window go together: give both, as in -160..240, or neither")
        if self.window is not None and not -math.inf < self.window[0] < self.window[1] < math.inf:
            raise RequestError(
                f"the window {self.window[0]:g}..{self.window[1]:g} is empty or endless: give low < high"
            )
        if self.standardise is not None and (self.window is None or not 0 < self.standardise[1] < math.inf):
            raise RequestError(
                f"standardise={self.standardise} needs a window to clip to and a standard deviation above 0: give both"
            )
        if self.axes is not None and sorted(self.axes) != [0, 1, 2]:
            raise RequestError(f"axes={self.axes} is no order of a volume's axes: give one such as (2, 1, 0)")
        if self.size is not None and self.spacing is not None:
            raise RequestError("size and spacing were both given: resize to a size, or resample to a spacing")
        for name in ("size", "spacing", "crop"):
            extents = getattr(self, name)
            if extents is None:
                continue
            whole = name == "spacing" or all(extent % 1 == 0 for extent in extents)
            if len(extents) != self.dims or not all(0 < extent < math.inf for extent in extents) or not whole:
                raise RequestError(
                    f"{name} {'x'.join(f'{extent:g}' for extent in extents)} does not fit a {self.dims}D model: give "
                    f"{self.dims} {'' if name == 'spacing' else 'whole '}numbers above 0"
                )
        self._check_labels()

    def _check_labels(self) -> None:
        values = [_union(value) for value, _ in self.labels]
        every = [number for numbers in values for number in numbers]
        shown = self._shown
        if not every or not all(values):
            raise RequestError("no label is named: give at least one, as in 1=lung")
        if len({*values}) < len(values) or len({name for _, name in self.labels}) < len(values):
            raise RequestError(f"the labels {shown} repeat a mask value or a name: give each once")
        if min(every) < 1 or self.ignore in (0, *every):
            raise RequestError(
                f"the labels {shown} and the ignored value {self.ignore} clash, or one is not above 0, the background: "
                "give each a mask value of its own"
            )

    @property
    def _shown(self) -> str:
        return ", ".join(f"{_text(value)}={name}" for value, name in self.labels)

    def __call__(self, case: Case) -> Case:
        """The prepared case: float32 image, boolean masks (L, *S), the intensity range and spacing carried along.

        Raises:
            RequestError: the case has other channels, fewer axes or other mask values than the model.
        """
        self._check(case)
        case = self._ordered(case)
        masks, ignored = self._masks(case)
        if self.window is not None:
            limits = torch.tensor([self.window], dtype=torch.float64).expand(self.channels, 2)
            case = replace(case, intensity_range=limits)
        stacked = masks if ignored is None else torch.cat([masks, ignored[None]])
        image, stacked, spacing = resample(
            case.image,
            stacked,
            case.spacing,
            size=self._along(case, self.size),
            spacing_to=self._along(case, self.spacing),
        )
        normalise = self._normaliser(image)
        image, limits = normalise(image), normalise(case.intensity_range)
        if self.crop is not None:
            image, stacked = crop_or_pad(image, stacked, self._along(case, self.crop) or self.crop)
        return replace(
            case,
            image=image.float(),
            mask=stacked[: len(masks)],
            ignored=None if ignored is None else stacked[-1],
            intensity_range=limits,
            spacing=spacing,
            labels=tuple(name for _, name in self.labels),
            slice_axis=self._slice_axis(case),
        )

    def _check(self, case: Case) -> None:
        if len(case.image) != self.channels:
            raise RequestError(
                f"case {case.entry.id} has {len(case.image)} image channels, the model takes {self.channels}: wrap it "
                f"with --in-channels {len(case.image)}, or convert the images"
            )
        if case.dims < self.dims:
            raise RequestError(f"case {case.entry.id} is an image, the model takes volumes: wrap it with --dims 2")
        if self.spacing is not None and case.unit == "px":
            raise RequestError(
                f"case {case.entry.id} has no spacing in mm to resample from: give --size instead of --spacing"
            )

    def _ordered(self, case: Case) -> Case:
        """The case with its axes in the model's order."""
        if self.axes is None or case.dims < len(self.axes):
            return case
        return replace(
            case,
            image=case.image.permute(0, *(axis + 1 for axis in self.axes)),
            mask=case.mask.permute(self.axes),
            spacing=tuple(case.spacing[axis] for axis in self.axes),
        )

    def _masks(self, case: Case) -> tuple[Tensor, Tensor | None]:
        """One boolean mask a label, and what is ignored."""
        mask = case.mask
        present = set(mask.unique().tolist()) - {0, self.ignore}
        ignored = None if self.ignore is None else mask == self.ignore
        values = [_union(value) for value, _ in self.labels]
        if present == {255} and len(values) == 1:
            return (mask == 255)[None], ignored  # a mask of 0/255 is binary
        strange = sorted(present.difference(*values))
        if strange:
            raise RequestError(
                f"the mask of case {case.entry.id} has the values {', '.join(map(str, strange[:5]))}, which are none "
                f"of the labels {self._shown}: wrap with --classes or --labels to name them, or with --ignore"
            )
        return torch.stack([torch.isin(mask, torch.tensor(value)) for value in values]), ignored

    def _along(self, case: Case, extents: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        """The extents along all axes of the case; None along the axis that a 2D model reads slice by slice."""
        axis = self._slice_axis(case)
        return extents if extents is None or axis is None else (*extents[:axis], None, *extents[axis:])

    def _slice_axis(self, case: Case) -> int | None:
        """Chosen by the stored spacing: a resize within the slice can make another axis the coarsest."""
        return slice_axis(case.spacing) if case.dims > self.dims else None

    def _normaliser(self, image: Tensor) -> Callable[[Tensor], Tensor]:
        """The map of values, one increasing map a channel, that the range goes through as well."""
        flat = image.flatten(1).double()
        low, high, clipped = flat.amin(1), flat.amax(1), False
        if self.normalise == "none":
            return lambda values: values
        if self.normalise == "z-score":
            low, high = flat.mean(1), flat.mean(1) + flat.std(1, correction=0)
        if self.normalise == "percentile":
            # torch.quantile refuses volumes of more than 2^24 voxels.
            low, high = torch.from_numpy(np.quantile(flat.numpy(), np.array(PERCENTILES) / 100, axis=1))
            clipped = True
        if self.window is not None:
            low, high, clipped = *(torch.full_like(low, end) for end in self.window), True
        if self.standardise is not None:
            mean, deviation = self.standardise
            return lambda values: (values.double().clamp(float(low[0]), float(high[0])) - mean) / deviation
        span = torch.where(high > low, high - low, 1)

        def normalise(values: Tensor) -> Tensor:
            shape = (-1, *[1] * (values.ndim - 1))
            scaled = (values.double() - low.view(shape)) / span.view(shape)
            return scaled.clamp(0, 1) if clipped else scaled

        return normalise

    def differences(self, other: "Preparation") -> list[str]:
        """In words, what this and another preparation do differently."""
        return [
            f"{field.name} {getattr(self, field.name)} against {getattr(other, field.name)}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON values only."""
        return asdict(self) | {"labels": {_text(value): name for value, name in self.labels}}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> "Preparation":
        """Rebuild from what `to_dict` gave.

        Raises:
            RequestError: entries are missing, unknown or not usable.
        """
        known = {field.name for field in fields(cls)}
        document = {"standardise": None, "axes": None, **document}  # earlier bundles do not have these
        if set(document) != known:
            raise RequestError(f"the preparation lacks or does not know {', '.join(sorted(set(document) ^ known))}")
        for name, value in document.items():
            if not _well_formed(name, value):
                raise RequestError(f"the preparation has {name}={value!r}, which nothing wrote as such: write it anew")
        tuples = {name: tuple(document[name]) for name in _TUPLES if document[name] is not None}
        labels = tuple((_mask_value(text), name) for text, name in document["labels"].items())
        return cls(**{**document, **tuples, "labels": labels})


_TUPLES = {"window": float, "size": int, "spacing": float, "crop": int, "standardise": float, "axes": int}


def _union(value: MaskValue) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else value


def _text(value: MaskValue) -> str:
    """As `_mask_value` reads it: 3, or 1+2+3 for a union."""
    return "+".join(str(number) for number in _union(value))


def _mask_value(text: str) -> MaskValue:
    numbers = tuple(int(part) for part in text.split("+"))
    return numbers if len(numbers) > 1 else numbers[0]


def _well_formed(name: str, value: Any) -> bool:
    """Whether a value of a JSON document has the type of the field."""
    if name == "labels":
        return isinstance(value, dict) and all(re.fullmatch(r"-?\d+(\+\d+)*", key) for key in value)
    if name in _TUPLES:
        kinds = (int, float) if _TUPLES[name] is float else (int,)
        return value is None or (isinstance(value, list) and all(type(entry) in kinds for entry in value))
    if name == "normalise":
        return isinstance(value, str)
    return type(value) is int or (name == "ignore" and value is None)
