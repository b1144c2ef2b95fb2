"""The dataset `jsrt`: chest X-rays of the Japanese Society of Radiological Technology."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import UInt16

from robustq.dataset import Case, Entry
from robustq.errors import CaseError, RequestError
from robustq_data.notes import WITHOUT_IMAGE, Notes
from robustq_paper_data.paper_dataset import AbstractPaperDataset
from robustq_paper_data.raw_cases import RawCase, by_id, folder_of, folders
from robustq_paper_data.xray import LABELS, WRAP_OPTIONS, grey_picture, inside, xray_case

SIDE, BRIGHTEST = 2048, 4095
"""Pixels of a side, and the highest value of 12 bits."""

LUNGS = ("left lung", "right lung")
"""Folders of the masks of SCR."""

SUBSETS = {"nodules": "LN", "healthy": "NN", "all": "LN|NN"}
"""Which images -> the letters after `JPC` in their names: 154 with a nodule, 93 without."""


class JSRTDataset(AbstractPaperDataset):
    """Chest X-rays of the JSRT with lungs: the database's raw images or their PNG copies, and the masks of SCR.

    The raw images are `JPCLN001.IMG` (http://db.jsrt.or.jp/eng.php): 2048×2048 values of 12 bits in two bytes, the high
    byte first, where dense tissue is low. They are turned so that bone is bright, as in a PNG and in the images of the
    NIH, as the program of XLSor does
    (https://github.com/rsummers11/CADLab/blob/master/Lung_Segmentation_XLSor/data/JSRT_preprocessing.py). PNG copies
    are `JPCLN001.png` and are not turned. The masks of SCR (https://www.isi.uu.nl/Research/Databases/SCR/) are
    `scratch/fold1/masks/left lung/JPCLN001.gif` and so on, with 1024×1024 pixels; each pixel counts for the 2×2 of the
    image. The society's PNG release with masks, `Segmentation01/train/org` and `label` and the same in `test`, is read
    too.

    Args:
        path: folder with both downloads.
        subset: `nodules` (the paper's 154), `healthy` or `all`. Segmentation01 is always read whole.
    """

    name = "jsrt"
    labels = LABELS
    wrap_options = WRAP_OPTIONS

    def __init__(self, path: str | Path, *, subset: str = "nodules") -> None:
        root = folder_of(path)
        if subset not in SUBSETS:
            raise RequestError(f"subset={subset} is not known: give {', '.join(SUBSETS)}")
        self.subset = subset
        self.notes = Notes()
        expected = (
            f"it needs files such as JPC{SUBSETS[subset][:2]}001.IMG with the folders left lung/ and right lung/, "
            "or Segmentation01/train/org with label"
        )
        self.cases = by_id((*_scr(root, subset, self.notes), *_release(root)), root, expected)

    def _read(self, case: RawCase) -> Case:
        """The X-ray, bone bright, with its lungs."""
        masks = case.checked_masks()
        raw = case.image.suffix.lower() == ".img"
        values = BRIGHTEST - raw_values(case.image) if raw else grey_picture(case.image)
        return xray_case(case.entry, values, np.logical_or.reduce([inside(mask) for mask in masks]))


def raw_values(path: Path) -> UInt16[np.ndarray, "h w"]:
    """The values of a raw image, as stored.

    Raises:
        CaseError: the file has another size, or values of more than 12 bits, as with the bytes in the other order.
    """
    size = path.stat().st_size
    if size != 2 * SIDE**2:
        raise CaseError(f"{path.name} has {size} bytes, a raw image has {2 * SIDE**2}: fetch the file again")
    values = np.fromfile(path, dtype=">u2").astype(np.uint16).reshape(SIDE, SIDE)
    if values.max() > BRIGHTEST:
        raise CaseError(
            f"{path.name} has values up to {values.max()}, and 12 bits hold {BRIGHTEST}: its bytes are in another "
            "order, so fetch the file again"
        )
    return values


def _scr(root: Path, subset: str, notes: Notes) -> Iterator[RawCase]:
    """Raw images or PNG copies, with the masks of SCR."""
    named = re.compile(r"JPC(?:LN|NN)\d{3}")
    masks = defaultdict(list)
    for folder in folders(root, *LUNGS):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in (".gif", ".png"):
                masks[path.stem.upper()].append(path)
    images = defaultdict(list)
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in (".img", ".png") and named.fullmatch(path.stem.upper()) and not _is_mask(path):
            images[path.stem.upper()].append(path)
    for name, paths in images.items():
        if re.match(rf"JPC(?:{SUBSETS[subset]})", name):
            yield RawCase(Entry(name, name, "JSRT"), tuple(paths), tuple(masks[name]), len(LUNGS))
    for name in sorted({*masks} - {*images}):
        notes.add(WITHOUT_IMAGE, name)


def _is_mask(path: Path) -> bool:
    """Whether a picture is a mask of SCR, which has masks of other organs too, or belongs to the PNG release."""
    return "masks" in path.parts or path.parent.name in (*LUNGS, "org", "label")


def _release(root: Path) -> Iterator[RawCase]:
    """The pairs of the PNG release with masks."""
    for folder in folders(root, "org"):
        split = folder.parent.name if folder.parent.name in ("train", "test") else ""
        for image in sorted(folder.glob("*.png")):
            mask = folder.with_name("label") / image.name
            entry = Entry(f"{split}/{image.stem}" if split else image.stem, image.stem, "JSRT", split)
            yield RawCase(entry, (image,), (mask,) if mask.is_file() else ())
