"""The contract of a dataset: cases, with all that perturbations and metrics need to know of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from robustq.errors import CaseError
from robustq.shapes import Unit as Unit


@dataclass(frozen=True)
class Entry:
    """The name, group, domain and split of a case, which are known before its image is read.

    Attributes:
        id: unique name within the dataset: the image's path relative to the data root, without its suffix.
        group: the patient; the id where the patient is unknown. Cases of one group never stand on both sides of a
            split, and are averaged before statistics.
        domain: the scanner or hospital; "" where it is unknown.
        split: "train", "val" or "test" as the dataset declares it; "" where it declares nothing.
    """

    id: str
    group: str
    domain: str = ""
    split: str = ""


@dataclass(frozen=True)
class Case:
    """An image with its mask, as stored or as prepared for a model.

    Attributes:
        image: the image (C, *S), in floating point.
        mask: the stored integer values (*S); in a prepared case, one boolean mask for each label (L, *S). None where
            there is no truth.
        labels: names of the labels, in the order of a prepared mask's first axis; empty before preparation.
        ignored: the voxels that no metric counts, (*S); None where there are none.
        orientation: the direction to which each spatial axis points most, such as "RAS", as the image's file states it;
            "" where it states none.
        slice_axis: in a prepared case, the spatial axis along which a 2D model reads a volume; None where the model and
            the case have the same number of axes.
        intensity_range: (C, 2), low and high of each channel in the image's present unit.
        spacing: extent of a voxel along each spatial axis, in `unit`.
        unit: "mm" where the file has a real spacing, else "px".
        entry: name, group, domain and split of the case.
    """

    image: Float[Tensor, "c *s"]
    mask: Bool[Tensor, "l *s"] | Integer[Tensor, "*s"] | None
    intensity_range: Float[Tensor, "c 2"]
    spacing: tuple[float, ...]
    unit: Unit
    entry: Entry
    labels: tuple[str, ...] = ()
    ignored: Bool[Tensor, "*s"] | None = None
    slice_axis: int | None = None
    orientation: str = ""

    @property
    def dims(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return self.image.ndim - 1

    @property
    def truth(self) -> Bool[Tensor, "l *s"]:
        """The masks of a prepared case without the ignored voxels. Answers are scored against these masks.

        Raises:
            CaseError: the case has no mask.
        """
        if self.mask is None:
            raise CaseError(f"case {self.entry.id} has no mask, so no answer can be scored: give one, or leave it out")
        return self.mask if self.ignored is None else self.mask & ~self.ignored


class AbstractDataset(ABC):
    """A sequence of cases. All are listed at once, and each is read when it is needed.

    Reading is repeatable: `read` of one entry always gives equal values. An implementation is built from one text (a
    path, or nothing) and keyword settings. The user writes all of them as `--data NAME:TEXT,key=value`.
    """

    name: str
    """Name of the dataset in the column `dataset`: the folder's name, or the registered name."""

    labels: Mapping[int, str] | None = None
    """Stored mask value -> label name, where the dataset declares them; None leaves them to the preparation."""

    ignore: int | None = None
    """Stored mask value of the voxels that no metric counts; None where the dataset declares no such value."""

    @property
    @abstractmethod
    def entries(self) -> Sequence[Entry]:
        """All cases, sorted by id. Reads no image."""

    @abstractmethod
    def read(self, entry: Entry) -> Case:
        """The case as stored. The image is in its stored unit as float32 (float64 where float32 would lose digits);
        the mask holds its stored integer values, and is None where there is no mask.

        Raises:
            CaseError: the case cannot be used: a file is unreadable, image and mask differ in shape, or values are NaN.
        """

    @abstractmethod
    def fingerprint(self, entry: Entry) -> str:
        """Sixteen hexadecimal digits that depend on the stored image alone, not on its path. They show whether a model
        was trained on the case."""

    @property
    def unlisted(self) -> Sequence[Entry]:
        """Cases that a setting of the dataset excluded; none by default.

        They are not used. Their fingerprints only tell in which domain a model was trained.
        """
        return ()

    @property
    def remarks(self) -> Sequence[str]:
        """Sentences for the user about the cases that were read so far, such as that files state no orientation; none
        by default. Each command prints them once."""
        return ()


def own_range(image: Float[Tensor, "c *s"]) -> Float[Tensor, "c 2"]:
    """The intensity range of an image that declares none: the minimum and maximum of each channel."""
    flat = image.flatten(1).double()
    return torch.stack([flat.amin(1), flat.amax(1)], dim=1)


# Plugins and scripts of earlier versions import this name from here. It is looked up only when it is asked for, so that
# no arrow runs up while the module is imported; type checkers do not see it.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "open_dataset":
            return getattr(import_module("robustq.data.open_dataset"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
