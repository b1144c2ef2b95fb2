"""The datasets of a study, each opened once, and what they are known by."""

from hashlib import sha256

from robustq.data.open_dataset import open_dataset
from robustq.dataset import AbstractDataset, Entry
from robustq.errors import CaseError


class StudyData:
    """Opens the datasets that a study names.

    Args:
        texts: texts of `--data`.

    Raises:
        RequestError: a text names no dataset.
    """

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._datasets = {text: open_dataset(text) for text in texts}
        self._digests: dict[str, str] = {}

    def __getitem__(self, text: str) -> AbstractDataset:
        return self._datasets[text]

    def digest(self, text: str) -> str:
        """Sixteen hexadecimal digits that change when an image, a mask, a patient or a split of the dataset does."""
        if text not in self._digests:
            dataset, digest = self._datasets[text], sha256()
            for entry in dataset.entries:
                digest.update(_known_by(dataset, entry).encode())
            self._digests[text] = digest.hexdigest()[:16]
        return self._digests[text]


def _known_by(dataset: AbstractDataset, entry: Entry) -> str:
    """The entry, its fingerprint and its mask; the reason where the case cannot be used."""
    try:
        mask = dataset.read(entry).mask
        truth = "" if mask is None else sha256(mask.contiguous().numpy().tobytes()).hexdigest()
        return f"{entry.id} {entry.group} {entry.split} {dataset.fingerprint(entry)} {truth}\n"
    except CaseError as error:
        return f"{entry.id} {error}\n"
