"""The dataset `nih-xlsor`: chest X-rays of the NIH with the masks of XLSor."""

import re
from collections.abc import Iterator
from pathlib import Path

from robustq.dataset import Case, Entry
from robustq_data.notes import WITHOUT_IMAGE, Notes
from robustq_paper_data.paper_dataset import AbstractPaperDataset
from robustq_paper_data.raw_cases import RawCase, by_id, folder_of, folders
from robustq_paper_data.xray import LABELS, WRAP_OPTIONS, grey_picture, inside, xray_case

MASK = "_mask"
"""How the name of a mask ends."""


class NIHDataset(AbstractPaperDataset):
    """Chest X-rays of the NIH with lungs: the 100 images that XLSor annotated.

    The download of XLSor (https://github.com/rsummers11/CADLab/tree/master/Lung_Segmentation_XLSor) holds
    `data/NIH/images/NAME.png` and `data/NIH/masks/NAME_mask.png`; the folders of augmented images and of other datasets
    beside it are not read. A patient is the number before the `_` of a name of ChestX-ray14, such as `00000013_006`.

    Args:
        path: folder of the download, or its folder `NIH`.
    """

    name = "nih-xlsor"
    labels = LABELS
    wrap_options = WRAP_OPTIONS

    def __init__(self, path: str | Path) -> None:
        root = folder_of(path)
        self.notes = Notes()
        expected = "it needs NIH/images/NAME.png with NIH/masks/NAME_mask.png"
        self.cases = by_id(_cases(root, self.notes), root, expected)

    def _read(self, case: RawCase) -> Case:
        """The X-ray with its lungs."""
        (mask,) = case.checked_masks()
        return xray_case(case.entry, grey_picture(case.image), inside(mask))


def _cases(root: Path, notes: Notes) -> Iterator[RawCase]:
    places = [place for place in folders(root, "NIH") if (place / "images").is_dir()]
    for place in places or [root] * (root / "images").is_dir():
        used = set()
        for image in sorted((place / "images").glob("*.png")):
            masks = [
                path for name in (image.stem + MASK, image.stem) if (path := place / "masks" / f"{name}.png").is_file()
            ]
            used |= {*masks}
            numbered = re.match(r"(\d{8})_\d{3}", image.stem)
            entry = Entry(image.stem, numbered[1] if numbered else image.stem, "NIH")
            yield RawCase(entry, (image,), tuple(masks))
        for mask in sorted({*(place / "masks").glob("*.png")} - used):
            notes.add(WITHOUT_IMAGE, mask.name)
