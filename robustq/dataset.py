"""The contract of a dataset: cases with what it takes to perturb and to score them."""

import inspect
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from robustq import registry
from robustq.errors import RequestError

Unit = Literal["mm", "px"]


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
        mask: the stored integer values (*S); or, once prepared, one boolean mask a label (L, *S).
        labels: names of the labels, in the order of a prepared mask's first axis; empty before preparation.
        ignored: voxels that count nowhere, (*S), or None.
        slice_axis: once prepared, the spatial axis along which a 2D model reads a volume; None where dimensions agree.
        intensity_range: (C, 2), low and high of each channel in the image's present unit.
        spacing: extent of a voxel along each spatial axis, in `unit`.
        unit: "mm" where the file has a real spacing, else "px".
        entry: who it is.
    """

    image: Float[Tensor, "c *s"]
    mask: Bool[Tensor, "l *s"] | Integer[Tensor, "*s"]
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
        """The masks of a prepared case without what is ignored: what answers are scored against."""
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
        with its stored integer values.

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


def open_dataset(text: str) -> AbstractDataset:
    """The dataset that `--data` names.

    Args:
        text: a path (a folder, a CSV, an nnU-Net or Decathlon folder), or the name of a registered dataset, which may
            be followed by a path and settings, as in `phantom:dims=3,domain=B` or `folder:/data,group=(p\\d+)`.

    Raises:
        RequestError: it is neither, or the dataset refuses its settings.
    """
    path = Path(text)
    name, colon, rest = text.partition(":")
    if name in registry.names("datasets") and (colon or not path.exists()):
        # A comma ends a setting only where another begins: a regular expression may hold commas.
        parts = re.split(r",(?=[a-z_]+=)", rest) if rest else []
        positional = [] if not parts or re.match(r"[a-z_]+=", parts[0]) else [parts.pop(0)]
        settings = {key: value for key, _, value in (part.partition("=") for part in parts)}
        return _build(name, positional, settings)
    if not path.exists():
        near = get_close_matches(name, registry.names("datasets"), n=1)
        known = f"did you mean {near[0]}?" if near else f"datasets by name are {', '.join(registry.names('datasets'))}"
        raise RequestError(f"no file or folder {text}, and no dataset of that name: {known}")
    if path.is_file():
        if path.suffix.lower() != ".csv":
            raise RequestError(f"{text} is a file, and not a CSV: give a folder of images and masks, or a CSV of them")
        return _build("csv", [text], {})
    nnunet = (path / "dataset.json").is_file() or (path / "imagesTr").is_dir()
    return _build("nnunet" if nnunet else "folder", [text], {})


def _build(name: str, positional: list[str], settings: dict[str, str]) -> AbstractDataset:
    factory = registry.load("datasets", name)
    signature = inspect.signature(factory)
    try:
        signature.bind(*positional, **settings)
    except TypeError as error:
        raise RequestError(
            f"dataset {name!r} does not take this: {error}; it takes {signature_words(signature)}"
        ) from error
    dataset: AbstractDataset = factory(*positional, **settings)
    return dataset


def signature_words(signature: inspect.Signature) -> str:
    """The settings of a dataset, as in `path, domain=, group=`."""
    return ", ".join(
        name if parameter.default is parameter.empty else f"{name}=" for name, parameter in signature.parameters.items()
    )
