"""The dataset `nci-isbi-2013`: prostate MRI of two hospitals."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from robustq.dataset import Case, Entry
from robustq.errors import CaseError
from robustq_data.dicom_series import DICOM, patient_of
from robustq_data.files import Files, read_case
from robustq_data.notes import WITHOUT_IMAGE, Notes
from robustq_paper_data.paper_dataset import AbstractPaperDataset
from robustq_paper_data.raw_cases import RawCase, by_id, folder_of

SITES = {"ProstateDx": "BMC", "Prostate3T": "RUNMC"}
"""How the names of patients begin -> the hospital: Boston (1.5 T, endorectal coil), Nijmegen (3 T, surface coil)."""

_TESTED = re.compile(r"\b(leaderboard|test|testing)\b", re.IGNORECASE)
"""How folders of masks or images name the parts of the challenge besides its training part."""

_PATIENT = re.compile(rf"(?:{'|'.join(SITES)})-\d\d-\d{{4}}")

NO_PATIENT = "DICOM series of no patient of the challenge, which were passed over"


class ProstateDataset(AbstractPaperDataset):
    """Prostate MRI (T2) of two hospitals with two zones: the NCI-ISBI 2013 challenge; domains BMC and RUNMC.

    The images are DICOM series of the collections PROSTATE-DIAGNOSIS and Prostate-3T, the masks one NRRD file for each
    patient (https://www.cancerimagingarchive.net/analysis-result/isbi-mr-prostate-2013/). A series may lie in
    `COLLECTION/PATIENT/STUDY/SERIES/`, as the archive's program writes it, or in a folder of any name: then the
    patient stands in its files. Masks are `Training/PATIENT.nrrd`, and also `PATIENT_truth.nrrd` and
    `PATIENT_correctedLabels.nrrd`. The patients of the parts Leaderboard and Test have the split "test"; the paper
    used the 60 of Training. Which zone has the value 1 is not written there; 1 for the peripheral zone is the custom.

    Args:
        path: folder with both downloads.
    """

    name = "nci-isbi-2013"
    wrap_options = (
        *("--dims", "3", "--spacing", "0.5x0.5x1.5", "--normalise", "z-score"),
        *("--crop", "192x192x64"),
    )

    def __init__(self, path: str | Path) -> None:
        root = folder_of(path)
        self.labels = {1: "peripheral zone", 2: "central gland"}
        self.notes = Notes()
        expected = (
            f"it needs folders of .dcm files of patients such as {' and '.join(f'{site}-01-0001' for site in SITES)}, "
            "and masks such as Training/ProstateDx-01-0001.nrrd"
        )
        self.cases = by_id(_cases(root, self.notes), root, expected)

    def _read(self, case: RawCase) -> Case:
        """The series, with its zones."""
        return read_case(case.entry, Files((case.image,), *case.checked_masks()), None, self.notes)


def _cases(root: Path, notes: Notes) -> Iterator[RawCase]:
    series, masks = defaultdict(list), defaultdict(list)
    for folder in sorted({path.parent for path in root.rglob("*") if path.suffix.lower() == DICOM}):
        patient = _patient(folder.relative_to(root).as_posix()) or _stated(folder)
        if patient:
            series[patient].append(folder)
        else:
            notes.add(NO_PATIENT, folder.relative_to(root).as_posix())
    for path in sorted(root.rglob("*.nrrd")):
        masks[_patient(path.name)].append(path)
    for patient, folders in series.items():
        # Folders below the patient's have the names of studies, which may be any words.
        above = [path.relative_to(root).as_posix().partition(patient)[0] for path in (*folders, *masks[patient])]
        split = "test" if any(map(_TESTED.search, above)) else ""
        entry = Entry(patient, patient, SITES[patient.partition("-")[0]], split)
        yield RawCase(entry, tuple(folders), tuple(masks[patient]))
    for patient in sorted({*masks} - {*series}):
        notes.add(WITHOUT_IMAGE, ", ".join(path.name for path in masks[patient]))


def _patient(text: str) -> str:
    """The patient that a path names; "" if it names none."""
    named = _PATIENT.search(text)
    return named[0] if named else ""


def _stated(folder: Path) -> str:
    """The patient that the files of a series state; "" if they cannot be read or state none of the challenge."""
    try:
        return _patient(patient_of(folder))
    except CaseError:
        return ""
