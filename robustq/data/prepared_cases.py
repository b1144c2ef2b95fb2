"""Prepared cases: read once where memory allows, with the bad ones set apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from robustq.data.preparation import Preparation
from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import CaseError, RequestError

MEMORY = 4 * 2**30
"""Bytes of prepared cases that are kept; further ones are read again each time they are asked for."""


@dataclass
class PreparedCases:
    """The cases of a dataset as a model sees them.

    Attributes:
        dataset: where they are read.
        preparation: what is done to each.
        failures: reason by case id, of the cases that `check` found unusable. A case without a mask is one of them.
    """

    dataset: AbstractDataset
    preparation: Preparation
    failures: dict[str, str] = field(default_factory=dict)
    _kept: dict[str, Case] = field(default_factory=dict, repr=False)
    _bytes: int = field(default=0, repr=False)

    def __call__(self, entry: Entry) -> Case:
        """One prepared case. It has no mask where the dataset gives none.

        Raises:
            CaseError: it cannot be used.
        """
        if entry.id in self._kept:
            return self._kept[entry.id]
        case = self.preparation(self.dataset.read(entry))
        size = case.image.nbytes + (0 if case.mask is None else case.mask.nbytes)
        if self._bytes + size <= MEMORY:
            self._kept[entry.id] = case
            self._bytes += size
        return case

    def check(self, entries: Sequence[Entry]) -> list[Entry]:
        """Read all of them once and return those that can be scored; the others stand in `failures`.

        Raises:
            RequestError: none can be used.
        """
        good = []
        for entry in entries:
            try:
                if self(entry).mask is None:
                    raise CaseError("it has no mask, so no answer can be scored")
                good.append(entry)
            except CaseError as error:
                self.failures[entry.id] = str(error)
        if not good:
            identity, reason = next(iter(self.failures.items()))
            raise RequestError(
                f"none of the {len(entries)} cases of {self.dataset.name} can be used; {identity}: {reason}"
            )
        return good
