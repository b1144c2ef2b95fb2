"""The dataset `folder`: a folder with images/ and masks/ of equal names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import RequestError
from robustq_data.files import Files, fingerprint, read_case
from robustq_data.image_files import first_names, image_files, same_spelling
from robustq_data.notes import WITHOUT_IMAGE, WITHOUT_MASK, Notes
from robustq_data.settings import (
    WAY_WITHOUT_MASKS,
    group_of,
    parse_ignore,
    parse_labels,
    parse_switch,
    parse_window,
)

IMAGES, MASKS = "images", ("masks", "labels")

SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "test": "test",
    "testing": "test",
}  # fmt: skip
"""Name of an inner folder -> the split that it holds, where all inner folders have such names."""

WITHOUT_IMAGES = f"folders without {IMAGES}/, which were passed over"


class FolderDataset(AbstractDataset):
    """A folder with images in images/ and masks of the same names in masks/ or labels/.

    The suffixes of image and mask may differ. A folder of such folders is one dataset, and each inner folder is a
    domain. If all of them have names such as train, val and test, they are splits; so are the folders in one images/.

    Args:
        path: path of the folder.
        domain: scanner or hospital of all cases; inner folders give their own names instead.
        group: regular expression for the case id; its first group, or else its whole match, is the patient.
        labels: mask values and names, `1=lung|5=heart` as text.
        ignore: mask value that is neither trained on nor scored.
        window: (low, high) of the intensity range, `-160..240` as text.
        unmasked: "yes" to take images without a mask too; the images may then also lie in the folder itself.

    Raises:
        RequestError: the folder does not exist, or images have no masks.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        domain: str = "",
        group: str | None = None,
        labels: Mapping[int, str] | str | None = None,
        ignore: int | str | None = None,
        window: Sequence[float] | str | None = None,
        unmasked: str = "no",
    ) -> None:
        root = Path(path)
        if not root.is_dir():
            raise RequestError(f"there is no folder {root}: give one with {IMAGES}/ and masks/, or a dataset's name")
        self.name = root.resolve().name
        self.labels = parse_labels(labels)
        self.ignore = parse_ignore(ignore)
        self.window = parse_window(window)
        self._notes = Notes()
        without_masks = parse_switch("unmasked", unmasked)
        domains = {"": root} if (root / IMAGES).is_dir() else _inner(root, self._notes)
        if not domains and without_masks and not any((root / name).is_dir() for name in MASKS):
            domains, self._notes = {"": root}, Notes()
        if not domains:
            raise RequestError(
                f"{root} has no folder {IMAGES}/, it holds {first_names(root)}: give a folder with {IMAGES}/ and "
                "masks/ in it, or a CSV that lists the files"
            )
        self._files: dict[str, Files] = {}
        for inner, folder in domains.items():
            for name, files in _pair(folder, root, self._notes, without_masks).items():
                self._files[f"{inner}/{name}" if inner else name] = files
        # The first folder of an id is the inner folder of the dataset, or that of images/ where there is only one.
        first_folders = {identity: identity.rpartition("/")[0].partition("/")[0] for identity in self._files}
        are_splits = all(first.lower() in SPLITS for first in first_folders.values())
        self._entries = []
        for identity, first in sorted(first_folders.items()):
            split = SPLITS[first.lower()] if are_splits else ""
            own_domain = domain if are_splits or "" in domains else first
            self._entries.append(Entry(identity, group_of(identity, group), own_domain, split))

    @property
    def entries(self) -> Sequence[Entry]:
        """All cases, sorted by id."""
        return self._entries

    def read(self, entry: Entry) -> Case:
        """The case as stored."""
        return read_case(entry, self._files[entry.id], self.window, self._notes)

    def fingerprint(self, entry: Entry) -> str:
        """A hash of the image file's bytes."""
        return fingerprint(self._files[entry.id])

    @property
    def remarks(self) -> Sequence[str]:
        """What is worth saying about the folder and about the cases that were read."""
        return self._notes.sentences


def _inner(root: Path, notes: Notes) -> dict[str, Path]:
    """The folders in a folder that hold images/, by name."""
    folders: dict[str, Path] = {}
    for folder in sorted(root.iterdir()):
        name = same_spelling(folder.name)
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        if not (folder / IMAGES).is_dir():
            notes.add(WITHOUT_IMAGES, name)
            continue
        if name in folders:
            raise RequestError(f"{folders[name]} and {folder} have the same name: rename one of them")
        folders[name] = folder
    return folders


def _pair(folder: Path, root: Path, notes: Notes, unmasked: bool) -> dict[str, Files]:
    """The files of each case.

    Args:
        folder: folder with images/ and masks/.
        root: folder of the dataset.
        notes: gets what is worth saying about the folder.
        unmasked: whether an image without a mask is a case too. Then a folder without images/ holds the images itself.
    """
    masks_in = next((folder / name for name in MASKS if (folder / name).is_dir()), None)
    if masks_in is None and not unmasked:
        raise RequestError(
            f"{folder} has no folder masks/ or labels/ beside {IMAGES}/: put the masks there; {WAY_WITHOUT_MASKS}"
        )
    images_in = folder / IMAGES if (folder / IMAGES).is_dir() else folder
    images = image_files(images_in, root, notes)
    masks = {} if masks_in is None else image_files(masks_in, root, notes)
    if not images:
        raise RequestError(
            f"{images_in} holds no image that robustq reads, it holds {first_names(images_in)}: give PNG, "
            "TIFF, JPEG, NIfTI, NRRD, MHA or NPZ files"
        )
    without_mask = [name for name in images if name not in masks]
    if masks_in is not None and without_mask and not unmasked:
        more = f" and {len(without_mask) - 5} more" if len(without_mask) > 5 else ""
        raise RequestError(
            f"{len(without_mask)} of {len(images)} images in {folder / IMAGES} have no mask of the same name in "
            f"{masks_in.name}/: {', '.join(without_mask[:5])}{more}; {masks_in.name}/ holds {first_names(masks_in)}: "
            "give masks the names of their images, or list the files in a CSV"
        )
    for name in masks:
        if name not in images:
            notes.add(WITHOUT_IMAGE, masks[name].relative_to(root).as_posix())
    for name in without_mask if masks else ():
        notes.add(WITHOUT_MASK, images[name].relative_to(root).as_posix())
    return {name: Files((path,), masks.get(name)) for name, path in images.items()}
