"""Reads and prepares the cases of a dataset, keeps them in memory while they fit, and records unusable cases."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from robustq.data.case_digest import case_digest
from robustq.data.case_names import with_cases
from robustq.data.narrow_values import values_are_narrow
from robustq.data.preparation import Preparation
from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import CaseError, RequestError
from robustq.stopwatch import Stopwatch

MEMORY = 4 * 2**30
"""Bytes of prepared cases that are kept in memory. Further cases are read again each time they are needed."""

FLAT = (
    "cases whose image has one value everywhere, so that it shows nothing, and levels, which refer to the intensity "
    "range, may not change it"
)

NARROW = (
    "cases most of whose values fill less than a twentieth of the intensity range, so that a level, which refers to "
    "this range, is large beside the image (robustq wrap --normalise percentile or --window narrows it)"
)


@dataclass
class PreparedCases:
    """The prepared cases of a dataset.

    Attributes:
        dataset: the dataset that the cases are read from.
        preparation: the preparation of each case.
        failures: case id -> reason, for the cases that `check` found unusable, such as a case without a mask.
        digests: case id -> the `case_digest` of each case that was read.
        flat: ids of the cases that were read whose image has one value.
        narrow: ids of those whose prepared values fill only a small part of the intensity range.
        stopwatch: measures the stages of the run that uses the cases.
    """

    dataset: AbstractDataset
    preparation: Preparation
    failures: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict, repr=False)
    flat: list[str] = field(default_factory=list, repr=False)
    narrow: list[str] = field(default_factory=list, repr=False)
    stopwatch: Stopwatch = field(default_factory=Stopwatch, repr=False)
    _kept: dict[str, Case] = field(default_factory=dict, repr=False)
    _bytes: int = field(default=0, repr=False)

    def __call__(self, entry: Entry) -> Case:
        """One prepared case. It has no mask if the dataset has none for it.

        Raises:
            CaseError: the case cannot be used.
        """
        if entry.id in self._kept:
            return self._kept[entry.id]
        with self.stopwatch.stage("read"):
            stored = self.dataset.read(entry)
            first = entry.id not in self.digests
            if first:
                self.digests[entry.id] = case_digest(stored)
                if torch.equal(stored.image.amin(), stored.image.amax()):
                    self.flat.append(entry.id)
        with self.stopwatch.stage("prepare"):
            case = self.preparation(stored)
            if first and values_are_narrow(case):
                self.narrow.append(entry.id)
        size = sum(part.nbytes for part in (case.image, case.mask, case.ignored) if part is not None)
        if self._bytes + size <= MEMORY:
            self._kept[entry.id] = case
            self._bytes += size
        return case

    @property
    def remarks(self) -> list[str]:
        """What is worth saying about the cases that were read, in sentences."""
        noted = ((FLAT, self.flat), (NARROW, self.narrow))
        return [*self.dataset.remarks, *(with_cases(text, ids) for text, ids in noted if ids)]

    def __getstate__(self) -> dict[str, object]:
        """What another process gets: it reads the cases that it needs again."""
        return {**vars(self), "_kept": {}, "_bytes": 0}

    def check(self, entries: Sequence[Entry], *, unmasked: bool = False) -> list[Entry]:
        """Read all entries once and return those whose cases can be scored. `failures` gets the reasons of the others.

        Args:
            entries: entries of the dataset.
            unmasked: whether a case without a mask can be used too.

        Raises:
            RequestError: no case can be used.
        """
        usable = []
        for entry in entries:
            try:
                if self(entry).mask is None and not unmasked:
                    raise CaseError(
                        "it has no mask, so no answer can be scored (robustq stress --without-labels needs none)"
                    )
                usable.append(entry)
            except CaseError as error:
                self.failures[entry.id] = str(error)
        if not usable:
            identity, reason = next(iter(self.failures.items()))
            raise RequestError(
                f"none of the {len(entries)} cases of {self.dataset.name} can be used; {identity}: {reason}"
            )
        return usable
