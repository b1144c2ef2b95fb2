"""The dataset `nnunet`: raw folders of nnU-Net and of the Medical Segmentation Decathlon."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import RequestError
from robustq_data.files import Files, fingerprint, read_case
from robustq_data.image_files import image_files
from robustq_data.notes import Notes
from robustq_data.settings import group_of, parse_window

_FOLDERS = {"imagesTr": "labelsTr", "imagesTs": "labelsTs"}


class NnunetDataset(AbstractDataset):
    """A folder of nnU-Net or of the Medical Segmentation Decathlon, with its dataset.json.

    `dataset.json` holds the labels. Images are in `imagesTr/` and masks in `labelsTr/`. Images in `imagesTs/` are used
    if their masks are in `labelsTs/`; these cases have the split "test". If a name stands in both folders, the test
    case has the id `imagesTs/NAME`. nnU-Net stores each channel in its own file (`case_0000.nii.gz`,
    `case_0001.nii.gz`); the Decathlon stores channels as a fourth axis.

    Args:
        path: path of the folder.
        group: regular expression for the case id; its first group, or else its whole match, is the patient.
        window: (low, high) of the intensity range, `-160..240` as text.

    Raises:
        RequestError: the folder does not have this form, or images have no masks.
    """

    def __init__(
        self, path: str | Path, *, group: str | None = None, window: Sequence[float] | str | None = None
    ) -> None:
        root = Path(path)
        self.name = root.resolve().name
        self.window = parse_window(window)
        described = _describe(root)
        self.labels, self.ignore = _labels(described)
        self._files: dict[str, Files] = {}
        self._notes = Notes()
        self._entries = []
        for images, masks in _FOLDERS.items():
            if not (root / images).is_dir() or not (root / masks).is_dir():
                continue
            for name, files in _pair(root / images, root / masks, self._notes).items():
                split = "test" if images == "imagesTs" else ""
                # nnU-Net may number the cases of both folders from the start.
                identity = f"{images}/{name}" if name in self._files else name
                self._files[identity] = files
                self._entries.append(Entry(identity, group_of(identity, group), "", split))
        if not self._entries:
            raise RequestError(f"{root} holds no case with a mask: it needs imagesTr/ and labelsTr/")
        self._entries.sort(key=lambda entry: entry.id)

    @property
    def entries(self) -> Sequence[Entry]:
        """All cases that have a mask, sorted by id."""
        return self._entries

    def read(self, entry: Entry) -> Case:
        """The case as stored."""
        return read_case(entry, self._files[entry.id], self.window, self._notes)

    def fingerprint(self, entry: Entry) -> str:
        """A hash of the bytes of the case's image files."""
        return fingerprint(self._files[entry.id])

    @property
    def remarks(self) -> Sequence[str]:
        """What is worth saying about the folder and about the cases that were read."""
        return self._notes.sentences


def _describe(root: Path) -> dict[str, Any]:
    file = root / "dataset.json"
    if not file.is_file():
        raise RequestError(
            f"{root} has no dataset.json, which names the labels: give a raw folder of nnU-Net or the Decathlon"
        )
    try:
        described = json.loads(file.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{file} is not JSON: {error}") from error
    if not isinstance(described, dict) or not isinstance(described.get("labels"), dict):
        raise RequestError(f"{file} names no labels: write an entry labels such as {{'background': 0, 'lung': 1}}")
    return described


def _labels(described: Mapping[str, Any]) -> tuple[dict[int, str] | None, int | None]:
    """The names of the mask values but for the background, None if labels overlap; and the ignored mask value."""
    labels: dict[int, str] = {}
    ignore, overlapping = None, False
    for key, value in described["labels"].items():
        # nnU-Net writes name: value, the Decathlon value: name.
        number, name = (key, value) if re.fullmatch(r"\d+", key) else (value, key)
        if isinstance(number, list):
            overlapping = True  # a region of several mask values: a model trained on regions stores its regions itself
            continue
        mask_value = _mask_value(number)
        if mask_value is None:
            raise RequestError(
                f"dataset.json has the label {key!r}: {value!r}: write a name and a whole number of at most six digits"
            )
        if name == "ignore":
            ignore = mask_value
        elif mask_value != 0:
            labels[mask_value] = str(name)
    return None if overlapping else dict(sorted(labels.items())), ignore


def _mask_value(number: object) -> int | None:
    """The whole number that a value of dataset.json is or spells; None if it is none."""
    return int(str(number)) if re.fullmatch(r"[+-]?[0-9]{1,6}", str(number)) else None


def _pair(images_in: Path, masks_in: Path, notes: Notes) -> dict[str, Files]:
    images, masks = image_files(images_in, notes), image_files(masks_in, notes)
    paired: dict[str, Files] = {}
    for identity, mask in masks.items():
        channels = [images[name] for name in sorted(images) if re.fullmatch(rf"{re.escape(identity)}_\d{{4}}", name)]
        whole = [images[identity]] if identity in images else []
        if channels or whole:
            paired[identity] = Files(tuple(channels or whole), mask)
    used = {path for files in paired.values() for path in files.images}
    without_mask = [name for name, path in images.items() if path not in used]
    if without_mask:
        raise RequestError(
            f"{len(without_mask)} of {len(images)} images in {images_in} have no mask in {masks_in.name}/: "
            f"{', '.join(without_mask[:5])}{' ...' if len(without_mask) > 5 else ''}"
        )
    return paired
