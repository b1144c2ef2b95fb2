"""Cases that are in memory already: arrays, tensors, or what another library's dataset gives."""

import math
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from robustq.data.case_names import with_cases
from robustq.data.item import Item, read_item
from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import CaseError, RequestError

BY_ARRAY_ORDER = (
    "cases matched by the order of their arrays, because the affine of the image or of the mask is missing, or is the "
    "identity"
)
SPLITS = ("", "train", "val", "test")

READ_TWICE = 5
"""So many items of another library's dataset are read twice at first, to see whether its transforms are random."""


@runtime_checkable
class Items(Protocol):
    """Anything with a length and numbered items: a list, a `torch.utils.data.Dataset`, a `torchio.SubjectsDataset`."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class InMemoryDataset(AbstractDataset):
    """Cases from pairs of image and mask, or from the items of another library's dataset.

    An item is a pair (image, mask); or a mapping with the entries `image` and `mask` or `label`, as MONAI has them; or
    a `torchio.Subject` with one scalar image and one label map. Images and masks are arrays or tensors. An image is
    (*S), (C, *S) or (*S, C): the shape of its mask (*S) decides. A mask may have one more axis of length 1 for its
    channel; it may be missing or None. Where image and mask are MONAI's tensors or TorchIO's images, their affines say
    where they lie, as the headers of files do. A mapping may also say `spacing`, `id`, `group`, `domain` and `split`.
    An item may also be an image alone, (C, *S), for runs without labels.

    Args:
        items: the items. They are read when they are needed, and must be the same each time.
        name: what the column `dataset` says.
        spacing: extent of a voxel along each axis, in mm, where the items do not say it.
        labels: mask value -> label name.
        ignore: mask value that no metric counts.
        ids: name of each item, in order; by default its number.
        groups: patient of each item; by default its id.
        domains: scanner or hospital of each item.

    Raises:
        RequestError: there is no item, a list has another length than the items, or an item has an unknown split.
    """

    def __init__(
        self,
        items: Items,
        *,
        name: str = "in-memory",
        spacing: Sequence[float] | None = None,
        labels: Mapping[int, str] | None = None,
        ignore: int | None = None,
        ids: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
        domains: Sequence[str] | None = None,
    ) -> None:
        if not len(items):
            raise RequestError("the data in memory holds no case: give one (image, mask) pair or more")
        for what, given in (("ids", ids), ("groups", groups), ("domains", domains)):
            if given is not None and len(given) != len(items):
                raise RequestError(f"{len(given)} {what} were given for {len(items)} cases: give one for each")
        self.items = items
        self.name = name
        self.spacing = None if spacing is None else _checked_spacing(spacing)
        self.labels = labels
        self.ignore = ignore
        self._given = {"id": ids, "group": groups, "domain": domains}
        self._fingerprints: dict[str, str] = {}
        self._masks: dict[str, str] = {}
        self._by_array_order: set[str] = set()
        named = [self._named(number) for number in range(len(items))]
        if len({entry.id for entry in named}) < len(named):
            raise RequestError("two cases in memory have the same id: give every case an id of its own")
        self._numbers = {entry.id: number for number, entry in enumerate(named)}
        self._entries = sorted(named, key=lambda entry: entry.id)

    @property
    def entries(self) -> Sequence[Entry]:
        """All cases, by default `0000` and so on."""
        return self._entries

    def read(self, entry: Entry) -> Case:
        """The case.

        Raises:
            CaseError: the case cannot be used: shapes do not fit, or values are not finite or not whole.
            RequestError: the item is another one each time it is read.
        """
        item = self._item(entry)
        # A list holds its items; another library's dataset may make them anew, by random transforms.
        twice = entry.id not in self._masks and len(self._masks) < READ_TWICE and not isinstance(self.items, Sequence)
        for read in (item, self._item(entry)) if twice else (item,):
            self._check_as_before(entry, read)
        if item.by_array_order:
            self._by_array_order.add(entry.id)
        spacing = item.spacing or self.spacing
        axes = item.image.ndim - 1
        if spacing is not None and len(spacing) != axes:
            raise CaseError(
                f"the spacing {spacing} has {len(spacing)} entries for an image of {axes} axes: give one for each axis"
            )
        if spacing is not None and not all(0 < step < math.inf for step in spacing):
            raise CaseError(f"the spacing {spacing} has an entry that is not above 0: give millimetres for each axis")
        return Case(
            image=item.image,
            mask=item.mask,
            intensity_range=item.intensity_range,
            spacing=spacing or (1.0,) * axes,
            unit="px" if spacing is None else "mm",
            entry=entry,
        )

    def _check_as_before(self, entry: Entry, item: Item) -> None:
        """Refuse an item that is not what it was when it was read before."""
        image, mask = _digest(item.image), "" if item.mask is None else _digest(item.mask)
        changed = [
            what
            for what, seen, digest in (("image", self._fingerprints, image), ("mask", self._masks, mask))
            if seen.setdefault(entry.id, digest) != digest
        ]
        if changed:
            raise RequestError(
                f"case {entry.id} is another {' and another '.join(changed)} each time it is read: take random "
                "transforms out of the dataset"
            )

    def fingerprint(self, entry: Entry) -> str:
        """A hash of the image's values."""
        if entry.id not in self._fingerprints:
            self._fingerprints[entry.id] = _digest(self._item(entry).image)
        return self._fingerprints[entry.id]

    @property
    def remarks(self) -> Sequence[str]:
        """Which cases were matched by array order only, if there are such."""
        cases = sorted(self._by_array_order)
        return [with_cases(BY_ARRAY_ORDER, cases)] if cases else []

    def _item(self, entry: Entry) -> Item:
        return read_item(self.items[self._numbers[entry.id]])

    def _named(self, number: int) -> Entry:
        """The entry of an item. Items of a list are looked at; those of other datasets may take long to make."""
        item = self.items[number] if isinstance(self.items, Sequence) else None
        entries = item if isinstance(item, Mapping) else {}
        values = {
            what: str(names[number]) if names is not None else str(entries.get(what, ""))
            for what, names in self._given.items()
        }
        name, split = values["id"] or f"{number:04d}", str(entries.get("split", ""))
        if split not in SPLITS:
            raise RequestError(f"case {name} has the split {split!r}: give train, val or test, or leave it out")
        return Entry(name, values["group"] or name, values["domain"], split)


def _digest(image: Tensor) -> str:
    array = image.contiguous().numpy()
    shape = np.array(array.shape, dtype=np.int64).tobytes()
    return sha256(shape + str(array.dtype).encode() + array.tobytes()).hexdigest()[:16]


def is_in_memory(data: object) -> bool:
    """Whether these are items rather than a dataset of ours, the text of `--data`, or a table with named columns."""
    if isinstance(data, AbstractDataset | str | torch.Tensor | np.ndarray | Mapping | pd.DataFrame):
        return False
    return isinstance(data, Items)


def _checked_spacing(spacing: Sequence[float]) -> tuple[float, ...]:
    """The spacing of all items, one number above 0 for each axis."""
    try:
        steps = tuple(map(float, spacing))
    except TypeError as error:
        raise RequestError(f"spacing={spacing!r} is not a list of numbers: give one for each axis") from error
    if not all(0 < step < math.inf for step in steps):
        raise RequestError(f"spacing={steps} has an entry that is not above 0: give millimetres for each axis")
    return steps
