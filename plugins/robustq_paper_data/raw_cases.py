"""Finds the files of cases in a raw download."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from robustq.dataset import Entry
from robustq.errors import CaseError, RequestError
from robustq_data.dicom_series import dicom_files


@dataclass(frozen=True)
class RawCase:
    """The files of a case.

    Attributes:
        entry: name, group, domain and split.
        images: the image's files or folders; several if it cannot be told which one is meant.
        masks: the mask's files; those of one case may be split over several, such as the two lungs.
        masks_needed: how many masks a case has.
    """

    entry: Entry
    images: tuple[Path, ...]
    masks: tuple[Path, ...]
    masks_needed: int = 1

    @property
    def image(self) -> Path:
        """The one image.

        Raises:
            CaseError: there are several.
        """
        if len(self.images) > 1:
            names = ", ".join(sorted(path.name for path in self.images))
            raise CaseError(f"{self.entry.id} has {len(self.images)} images ({names}): keep the one that the mask fits")
        return self.images[0]

    def checked_masks(self) -> tuple[Path, ...]:
        """The masks.

        Raises:
            CaseError: some are missing, or there are more than a case has.
        """
        if len(self.masks) == self.masks_needed:
            return self.masks
        if not self.masks:
            raise CaseError(f"{self.entry.id} has an image ({self.images[0].name}) and no mask: fetch the mask too")
        names = ", ".join(f"{path.parent.name}/{path.name}" for path in self.masks)
        raise CaseError(
            f"{self.entry.id} has {len(self.masks)} masks ({names}), not {self.masks_needed}: fetch what is missing, "
            "or keep one download"
        )

    @property
    def sources(self) -> list[Path]:
        """All files of the case."""
        return [file for path in (*self.images, *self.masks) for file in dicom_files(path) or [path]]

    @property
    def fingerprint(self) -> str:
        """A hash of the bytes of the image's files, sixteen hexadecimal digits."""
        digest = sha256()
        for file in (file for path in self.images for file in dicom_files(path) or [path]):
            digest.update(file.read_bytes())
        return digest.hexdigest()[:16]


def by_id(cases: Iterable[RawCase], root: Path, expected: str) -> dict[str, RawCase]:
    """The cases by their ids, sorted.

    Args:
        cases: what was found.
        root: the folder of the download.
        expected: what was looked for, for the message.

    Raises:
        RequestError: nothing was found, or two cases have one id.
    """
    found: dict[str, RawCase] = {}
    for case in cases:
        if case.entry.id in found:
            raise RequestError(
                f"{found[case.entry.id].images[0]} and {case.images[0]} are both the case {case.entry.id}: keep one of "
                "the downloads in the folder"
            )
        found[case.entry.id] = case
    if not found:
        raise RequestError(f"{root} holds no case: {expected}")
    return dict(sorted(found.items()))


def folder_of(path: str | Path) -> Path:
    """The folder of a download.

    Raises:
        RequestError: it is not there.
    """
    root = Path(path)
    if not root.is_dir():
        raise RequestError(f"there is no folder {root}: give the folder into which the download was unpacked")
    return root


def folders(root: Path, *names: str) -> Iterator[Path]:
    """The folder itself and every folder below it that has one of these names, sorted."""
    if root.name in names:
        yield root
    yield from sorted(path for path in root.rglob("*") if path.name in names and path.is_dir())
