"""Collects what is worth saying about the cases of a dataset, and says it once."""

from dataclasses import dataclass, field

from robustq.data.case_names import with_cases

BY_ARRAY_ORDER = (
    "cases matched by the order of their arrays, because the file of the image or of the mask states no orientation"
)
TURNED = (
    "cases in which only the image has an EXIF orientation, so the image was turned as viewers show it, and the mask "
    "was not"
)
UNREAD = (
    "files of kinds that robustq does not read, which were passed over (save them as PNG, TIFF, NIfTI, NRRD, MHA or "
    "NPZ)"
)
WITHOUT_IMAGE = "masks without an image of the same name, which were passed over"
WITHOUT_MASK = "images without a mask"


@dataclass
class Notes:
    """For each thing worth saying, the cases that it is said of. A case that is read twice counts once."""

    _cases: dict[str, set[str]] = field(default_factory=dict)

    def add(self, text: str, case: str) -> None:
        """Note that a case is among those that the text describes."""
        self._cases.setdefault(text, set()).add(case)

    @property
    def sentences(self) -> list[str]:
        """For each text: the number of cases, and the names of some."""
        return [with_cases(text, sorted(cases)) for text, cases in sorted(self._cases.items())]
