"""The contract of a dataset: cases with what it takes to perturb and to score them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from robustq.errors import CaseError
from robustq.shapes import Unit as Unit


@dataclass(frozen=True)
class Entry:
    """A case before it is read: what a listing shows and a split needs.

    Attributes:
        id: unique within the dataset; the image's path relative to the data root without its suffix.
        group: the patient. Cases of one group never stand on both sides of a split, and are averaged before
            statistics. The id where nothing else is known.
        domain: the scanner or hospital, "" where unknown.
        split: "train", "val" or "test" as the dataset declares it, "" where it declares nothing.
    """

    id: str
    group: str
    domain: str = ""
    split: str = ""


@dataclass(frozen=True)
class Case:
    """An image with its mask, as stored or as prepared for a model.

    Attributes:
        image: (C, *S), floating point once read.
        mask: the stored integer values (*S); or, once prepared, one boolean mask a label (L, *S). None where there is
            no truth.
        labels: names of the labels, in the order of a prepared mask's first axis; empty before preparation.
        ignored: voxels that count nowhere, (*S), or None.
        slice_axis: once prepared, the spatial axis along which a 2D model reads a volume; None where dimensions agree.
        intensity_range: (C, 2), low and high of each channel in the image's present unit.
        spacing: extent of a voxel along each spatial axis, in `unit`.
        unit: "mm" where the file has a real spacing, else "px".
        entry: who it is.
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

    @property
    def dims(self) -> int:
        """Number of spatial axes, 2 or 3."""
        return self.image.ndim - 1

    @property
    def truth(self) -> Bool[Tensor, "l *s"]:
        """The masks of a prepared case without the ignored voxels. Answers are scored against them.

        Raises:
            CaseError: the case has no mask.
        """
        if self.mask is None:
            raise CaseError(f"case {self.entry.id} has no mask, so no answer can be scored: give one, or leave it out")
        return self.mask if self.ignored is None else self.mask & ~self.ignored


class AbstractDataset(ABC):
    """A sequence of cases that is listed at once and read one by one.

    Reading is lazy and repeatable: `read` of one entry always gives equal values. An implementation is built
    from one text (a path, or nothing) and keyword settings, all of which stand in `--data NAME:TEXT,key=value`.
    """

    name: str
    """What the column `dataset` says: the folder's name, or the registered name."""

    labels: Mapping[int, str] | None = None
    """Raw mask value -> label name, where the dataset declares it; None leaves it to the preparation."""

    ignore: int | None = None
    """Raw mask value that is left out everywhere, where the dataset declares one."""

    @property
    @abstractmethod
    def entries(self) -> Sequence[Entry]:
        """All cases, sorted by id. Reads no image."""

    @abstractmethod
    def read(self, entry: Entry) -> Case:
        """The case as stored: image in its stored unit as float32 (float64 where float32 would lose digits), mask
        with its stored integer values, or None where there is none.

        Raises:
            CaseError: the case cannot be used: a file is unreadable, image and mask differ in shape, values are NaN.
        """

    @abstractmethod
    def fingerprint(self, entry: Entry) -> str:
        """Sixteen hexadecimal digits that depend on the stored image alone, not on where it lies: what tells
        that a case was seen in training."""

    @property
    def unlisted(self) -> Sequence[Entry]:
        """Cases that belong to the dataset and are not among its entries, because a setting took a part of it; none by
        default. They are never read; their fingerprints tell in which domain a model was trained."""
        return ()


def own_range(image: Float[Tensor, "c *s"]) -> Float[Tensor, "c 2"]:
    """The intensity range of an image that declares none: the minimum and maximum of each channel."""
    flat = image.flatten(1).double()
    return torch.stack([flat.amin(1), flat.amax(1)], dim=1)
