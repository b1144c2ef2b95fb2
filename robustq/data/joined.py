"""Several datasets as one, each a domain of its own."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import RequestError

Value = TypeVar("Value")


class JoinedDataset(AbstractDataset):
    """The cases of several datasets. The domain of a case is the name of its dataset, followed by its domain there.

    The id of a case begins with the name of its dataset, so its draws are others than in a run on that dataset alone.
    Patients of two datasets are never the same.

    Args:
        datasets: two or more, each with a name of its own.

    Raises:
        RequestError: fewer than two datasets, two of one name, or datasets that declare different labels.
    """

    def __init__(self, datasets: Sequence[AbstractDataset]) -> None:
        if len(datasets) < 2:
            raise RequestError("joining datasets takes two or more: give --data twice")
        (name, count), *_ = Counter(dataset.name for dataset in datasets).most_common()
        if count > 1:
            raise RequestError(f"{count} datasets are named {name!r}, so their cases cannot be told apart: rename one")
        self.name = "+".join(dataset.name for dataset in datasets)
        self.labels = _shared({dataset.name: dataset.labels for dataset in datasets}, "labels")
        self.ignore = _shared({dataset.name: dataset.ignore for dataset in datasets}, "value to ignore")
        self._datasets = {dataset.name: dataset for dataset in datasets}

    @property
    def entries(self) -> Sequence[Entry]:
        """All cases, sorted by id."""
        return [joined for joined, _, _ in self._entries]

    @cached_property
    def _entries(self) -> list[tuple[Entry, AbstractDataset, Entry]]:
        joined = [
            (_joined(name, entry), dataset, entry)
            for name, dataset in self._datasets.items()
            for entry in dataset.entries
        ]
        return sorted(joined, key=lambda entry: entry[0].id)

    @cached_property
    def _home(self) -> Mapping[str, tuple[AbstractDataset, Entry]]:
        return {joined.id: (dataset, entry) for joined, dataset, entry in (*self._entries, *self._unlisted)}

    def read(self, entry: Entry) -> Case:
        """See `AbstractDataset.read`."""
        dataset, own = self._home[entry.id]
        return replace(dataset.read(own), entry=entry)

    def fingerprint(self, entry: Entry) -> str:
        """See `AbstractDataset.fingerprint`."""
        dataset, own = self._home[entry.id]
        return dataset.fingerprint(own)

    @property
    def unlisted(self) -> Sequence[Entry]:
        """See `AbstractDataset.unlisted`."""
        return [joined for joined, _, _ in self._unlisted]

    @cached_property
    def _unlisted(self) -> list[tuple[Entry, AbstractDataset, Entry]]:
        return [
            (_joined(name, entry), dataset, entry)
            for name, dataset in self._datasets.items()
            for entry in dataset.unlisted
        ]

    @property
    def remarks(self) -> Sequence[str]:
        """The remarks of all datasets, each once."""
        remarks = (remark for dataset in self._datasets.values() for remark in dataset.remarks)
        return list(dict.fromkeys(remarks))


def _joined(name: str, entry: Entry) -> Entry:
    domain = f"{name}/{entry.domain}" if entry.domain else name
    return replace(entry, id=f"{name}/{entry.id}", group=f"{name}/{entry.group}", domain=domain)


def _shared(value_of: Mapping[str, Value], what: str) -> Value:
    """The value that all datasets have."""
    (first, value), *others = value_of.items()
    for name, other in others:
        if other != value:
            raise RequestError(f"{first} and {name} differ in their {what} ({value} against {other}): make them equal")
    return value
