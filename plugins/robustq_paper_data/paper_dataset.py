"""What the datasets of the paper have in common."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from robustq.dataset import Case, Entry
from robustq.raw_dataset import AbstractRawDataset
from robustq_data.notes import Notes
from robustq_paper_data.raw_cases import RawCase


class AbstractPaperDataset(AbstractRawDataset):
    """A raw download whose files are found once, when the dataset is opened."""

    cases: Mapping[str, RawCase]
    """The files of each case by its id, sorted."""

    notes: Notes
    """What is worth saying about the download and about the cases that were read."""

    @property
    def entries(self) -> Sequence[Entry]:
        """All cases with an image, sorted by id."""
        return [case.entry for case in self.cases.values()]

    def read(self, entry: Entry) -> Case:
        """The case as stored."""
        return self._read(self.cases[entry.id])

    @abstractmethod
    def _read(self, case: RawCase) -> Case:
        """The case that these files hold."""

    def fingerprint(self, entry: Entry) -> str:
        """A hash of the bytes of the image's files."""
        return self.cases[entry.id].fingerprint

    def sources(self, entry: Entry) -> Sequence[Path]:
        """The files of image and mask."""
        return self.cases[entry.id].sources

    @property
    def remarks(self) -> Sequence[str]:
        """What was passed over, and what is worth saying about the cases that were read."""
        return self.notes.sentences
