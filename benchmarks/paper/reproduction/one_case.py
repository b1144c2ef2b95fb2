"""A dataset of which one case is shown."""

from collections.abc import Sequence

from robustq.dataset import AbstractDataset, Case, Entry


class OneCase(AbstractDataset):
    """One case of a dataset.

    Args:
        dataset: the dataset.
        case: id of the case.
    """

    def __init__(self, dataset: AbstractDataset, case: str) -> None:
        self.name, self.labels, self.ignore = dataset.name, dataset.labels, dataset.ignore
        self._dataset = dataset
        self._entry = next(entry for entry in dataset.entries if entry.id == case)

    @property
    def entries(self) -> Sequence[Entry]:
        """The one entry."""
        return [self._entry]

    def read(self, entry: Entry) -> Case:
        """As the dataset reads it."""
        return self._dataset.read(entry)

    def fingerprint(self, entry: Entry) -> str:
        """That of the dataset."""
        return self._dataset.fingerprint(entry)
