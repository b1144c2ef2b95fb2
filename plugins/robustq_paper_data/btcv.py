"""The dataset `btcv`: abdominal CT of the challenge Beyond the Cranial Vault."""

from collections.abc import Iterator
from pathlib import Path

from robustq.dataset import Case, Entry
from robustq_data.files import Files, read_case
from robustq_data.notes import WITHOUT_IMAGE, Notes
from robustq_paper_data.paper_dataset import AbstractPaperDataset
from robustq_paper_data.raw_cases import RawCase, by_id, folder_of, folders

ORGANS = (
    "spleen", "right kidney", "left kidney", "gallbladder", "esophagus", "liver", "stomach", "aorta",
    "inferior vena cava", "portal and splenic vein", "pancreas", "right adrenal gland", "left adrenal gland",
)  # fmt: skip
"""The labels, from 1, in the order of the challenge."""

_PAIRS = {"img": "label", "imagesTr": "labelsTr"}
"""Folder of images -> folder of masks beside it. A folder of images without one, as in Testing, has no truth."""

NO_TRUTH = "folders of images without a folder of masks, which were passed over"


class BTCVDataset(AbstractPaperDataset):
    """Abdominal CT with 13 organs: Beyond the Cranial Vault (BTCV), 30 training scans of one hospital.

    `RawData.zip` of the challenge (https://www.synapse.org/Synapse:syn3193805) holds `Training/img/img0001.nii.gz` and
    `Training/label/label0001.nii.gz`. Its copies for MONAI have the same files in `imagesTr/` and `labelsTr/`. The
    order of the labels is that of https://www.synapse.org/Synapse:syn3193805/wiki/217789.

    Args:
        path: folder of the download; the two folders may lie anywhere in it.
    """

    name = "btcv"
    wrap_options = ("--dims", "3", "--spacing", "1.5x1.5x2", "--normalise", "min-max", "--patch", "96x96x96")

    def __init__(self, path: str | Path) -> None:
        root = folder_of(path)
        self.labels = dict(enumerate(ORGANS, start=1))
        self.notes = Notes()
        expected = "it needs img/img0001.nii.gz with label/label0001.nii.gz, or imagesTr/ with labelsTr/"
        self.cases = by_id(_cases(root, self.notes), root, expected)

    def _read(self, case: RawCase) -> Case:
        """The scan in Hounsfield units, with its organs."""
        return read_case(case.entry, Files((case.image,), *case.checked_masks()), None, self.notes)


def _cases(root: Path, notes: Notes) -> Iterator[RawCase]:
    for images in folders(root, *_PAIRS):
        masks = images.with_name(_PAIRS[images.name])
        if not masks.is_dir():
            notes.add(NO_TRUTH, images.relative_to(root.parent).as_posix())
            continue
        paired = {path: masks / path.name.replace("img", "label", 1) for path in sorted(images.glob("img*.nii*"))}
        for image, mask in paired.items():
            identity = image.name.partition(".")[0]
            yield RawCase(Entry(identity, identity), (image,), (mask,) if mask.is_file() else ())
        for mask in sorted({*masks.glob("label*.nii*")} - {*paired.values()}):
            notes.add(WITHOUT_IMAGE, mask.name)
