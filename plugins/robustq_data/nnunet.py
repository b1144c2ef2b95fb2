"""The dataset `nnunet`: raw folders of nnU-Net and of the Medical Segmentation Decathlon."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from robustq.dataset import AbstractDataset, Case, Entry
from robustq.errors import CaseError, RequestError
from robustq_data.files import Files, fingerprint, read_case
from robustq_data.image_files import image_files
from robustq_data.nnunet_listing import compare_with_listing
from robustq_data.notes import WITHOUT_IMAGE, WITHOUT_MASK, Notes
from robustq_data.reading import without_suffix
from robustq_data.settings import WAY_WITHOUT_MASKS, group_of, parse_switch, parse_window

_FOLDERS = {"imagesTr": "labelsTr", "imagesTs": "labelsTs"}


class NnunetDataset(AbstractDataset):
    """A folder of nnU-Net or of the Medical Segmentation Decathlon, with its dataset.json.

    `dataset.json` holds the labels. Images are in `imagesTr/` and masks in `labelsTr/`, under the same names; where
    `dataset.json` lists the cases, its list is compared with them. Images in `imagesTs/` are used if their masks are in
    `labelsTs/`; these cases have the split "test". If a name stands in both folders, the test case has the id
    `imagesTs/NAME`. nnU-Net stores each channel in its own file (`case_0000.nii.gz`, `case_0001.nii.gz`); the Decathlon
    stores channels as a fourth axis.

    Args:
        path: path of the folder.
        group: regular expression for the case id; its first group, or else its whole match, is the patient.
        window: (low, high) of the intensity range, `-160..240` as text.
        unmasked: "yes" to take images without a mask too, as those of `imagesTs/` often are.

    Raises:
        RequestError: the folder does not have this form, images have no masks, or `dataset.json` lists other masks for
            them.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        group: str | None = None,
        window: Sequence[float] | str | None = None,
        unmasked: str = "no",
    ) -> None:
        root = Path(path)
        self.name = root.resolve().name
        self.window = parse_window(window)
        described = _describe(root)
        self.labels, self.ignore = _labels(described, root / "dataset.json")
        self._files: dict[str, Files] = {}
        self._notes = Notes()
        self._entries = []
        without_masks = parse_switch("unmasked", unmasked)
        for images, masks in _FOLDERS.items():
            if not (root / images).is_dir() or not (without_masks or (root / masks).is_dir()):
                continue
            for name, files in _pair(root, images, masks, self._notes, without_masks).items():
                split = "test" if images == "imagesTs" else ""
                # nnU-Net may number the cases of both folders from the start.
                identity = f"{images}/{name}" if name in self._files else name
                self._files[identity] = files
                self._entries.append(Entry(identity, group_of(identity, group), "", split))
        compare_with_listing(
            described, {entry.id: self._files[entry.id] for entry in self._entries if not entry.split}, self._notes
        )
        if not self._entries:
            raise RequestError(
                f"{root} holds no case with a mask: it needs imagesTr/ and labelsTr/; {WAY_WITHOUT_MASKS}"
            )
        self._entries.sort(key=lambda entry: entry.id)
        self._channels = {identity: _channels(identity, files) for identity, files in self._files.items()}
        counts = Counter(filter(None, self._channels.values()))
        self._usual_channels = max(counts, key=lambda channels: counts[channels], default=())

    @property
    def entries(self) -> Sequence[Entry]:
        """All cases that have a mask, sorted by id; with `unmasked`, all cases."""
        return self._entries

    def read(self, entry: Entry) -> Case:
        """The case as stored.

        Raises:
            CaseError: it cannot be used, or has files for other channels than most cases.
        """
        channels = self._channels[entry.id]
        if channels not in ((), self._usual_channels):
            raise CaseError(
                f"the case has files for the channels {', '.join(channels)}, and most cases for "
                f"{', '.join(self._usual_channels)}: add the missing files, or leave out the case"
            )
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
        described = json.loads(file.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{file} is not JSON: {error}") from error
    if not isinstance(described, dict) or not isinstance(described.get("labels"), dict):
        raise RequestError(f"{file} names no labels: write an entry labels such as {{'background': 0, 'lung': 1}}")
    return described


def _channels(identity: str, files: Files) -> tuple[str, ...]:
    """The numbers of the channels that have a file of their own; none where one file holds all."""
    names = (without_suffix(Path(path.name)) for path in files.images)
    case = Path(identity).name
    return tuple(name[-4:] for name in names if len(name) > len(case))


def _labels(described: Mapping[str, Any], file: Path) -> tuple[dict[int, str] | None, int | None]:
    """The names of the mask values but for the background, None if labels overlap; and the ignored mask value."""
    labels: dict[int, str] = {}
    ignore, overlapping = None, False
    for key, value in described["labels"].items():
        # nnU-Net writes name: value, the Decathlon value: name.
        number, name = (key, value) if re.fullmatch(r"\d+", key) else (value, key)
        if isinstance(number, list):
            overlapping = True  # a region of several mask values: a model trained on regions stores its regions itself
            continue
        if not re.fullmatch(r"-?[0-9]{1,6}(\.0)?", str(number)):
            raise RequestError(
                f"{file} gives the label {name!r} the mask value {number!r}: give a whole number of at most six digits"
            )
        whole = int(float(number))
        if name == "ignore":
            ignore = whole
        elif whole in labels:
            raise RequestError(f"{file} gives the mask value {whole} two names, {labels[whole]} and {name}: keep one")
        elif whole != 0:
            labels[whole] = str(name)
    return None if overlapping else dict(sorted(labels.items())), ignore


def _pair(root: Path, images_in: str, masks_in: str, notes: Notes, unmasked: bool) -> dict[str, Files]:
    """The files of each case: a mask, and an image file for each channel or one for all.

    Args:
        root: folder of the dataset.
        images_in: name of the folder of images.
        masks_in: name of the folder of masks.
        notes: gets what is worth saying about the folder.
        unmasked: whether an image without a mask is a case too; the folder of masks may then be missing.
    """
    images = image_files(root / images_in, root, notes)
    masks = image_files(root / masks_in, root, notes) if (root / masks_in).is_dir() else {}
    paired: dict[str, Files] = {}
    for identity, mask in masks.items():
        numbered = re.compile(rf"{re.escape(identity)}_\d{{4}}")
        channels = [name for name in sorted(images) if numbered.fullmatch(name) and name not in masks]
        names = channels or [identity] * (identity in images)
        if names:
            paired[identity] = Files(tuple(images[name] for name in names), mask)
        else:
            notes.add(WITHOUT_IMAGE, mask.relative_to(root).as_posix())
    used = {path for files in paired.values() for path in files.images}
    without_mask = [name for name, path in images.items() if path not in used]
    if unmasked:
        for name in without_mask if masks else ():
            notes.add(WITHOUT_MASK, images[name].relative_to(root).as_posix())
        return paired | _without_masks({name: images[name] for name in without_mask})
    if without_mask:
        raise RequestError(
            f"{len(without_mask)} of {len(images)} images in {root / images_in} have no mask in {masks_in}/: "
            f"{', '.join(without_mask[:5])}{' ...' if len(without_mask) > 5 else ''}"
        )
    return paired


def _without_masks(images: Mapping[str, Path]) -> dict[str, Files]:
    """The files of each case that has no mask. nnU-Net ends the names of images with the number of the channel."""
    numbered = all(re.fullmatch(r".+_\d{4}", name) for name in images)
    cases: dict[str, list[Path]] = {}
    for name in sorted(images):
        cases.setdefault(name[:-5] if numbered else name, []).append(images[name])
    return {name: Files(tuple(paths), None) for name, paths in cases.items()}
