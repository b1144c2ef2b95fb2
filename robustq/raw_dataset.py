"""The contract of a dataset that reads a raw download, and says how a paper prepared it."""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from robustq.dataset import AbstractDataset, Entry


class AbstractRawDataset(AbstractDataset):
    """The cases of a public download, in the folders and formats in which its owners publish it.

    An implementation is built from the path of the download. All images are entries, also those that cannot be used:
    `read` says by name which mask or slice is missing. `robustq data prepare` copies the cases into an ordinary folder.
    """

    wrap_options: Sequence[str]
    """The options of `robustq wrap` that prepare the cases as the paper did, such as ("--size", "512x512")."""

    @abstractmethod
    def sources(self, entry: Entry) -> Sequence[Path]:
        """All files that a case is read from, image and mask alike; those that are missing are left out."""
