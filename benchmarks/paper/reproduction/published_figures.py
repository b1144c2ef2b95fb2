"""The figures that the paper prints, and the data that it took."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("published")


@dataclass(frozen=True)
class PaperData:
    """A data set of the paper.

    Attributes:
        name: its name in the tables, such as NIH.
        shows: what it shows.
        registered: the name that `robustq data prepare` knows.
        download: where its owners publish it.
    """

    name: str
    shows: str
    registered: str
    download: str

    @property
    def advice(self) -> str:
        """How a user gets it and trains on it."""
        return (
            f"{self.name} ({self.shows}) is not in this study: download it from {self.download}, then run robustq data "
            f"prepare {self.registered} --from DOWNLOAD --to FOLDER, and make paper TRAIN=FOLDER."
        )


_PROSTATE = "https://www.cancerimagingarchive.net/analysis-result/isbi-mr-prostate-2013/"

DATA: Mapping[str, PaperData] = {
    data.name: data
    for data in (
        PaperData(
            "NIH",
            "chest X-ray",
            "nih-xlsor",
            "https://github.com/rsummers11/CADLab/tree/master/Lung_Segmentation_XLSor",
        ),
        PaperData(
            "JSRT",
            "chest X-ray",
            "jsrt",
            "http://db.jsrt.or.jp/eng.php and https://www.isi.uu.nl/Research/Databases/SCR/",
        ),
        PaperData("Abdomen", "CT", "btcv", "https://www.synapse.org/Synapse:syn3193805"),
        PaperData("BMC", "prostate MRI", "nci-isbi-2013", _PROSTATE),
        PaperData("RUNMC", "prostate MRI", "nci-isbi-2013", _PROSTATE),
    )
}
"""The paper's data sets by their names in its tables."""

UNET, VQ = "UNet", "VQ-UNet"
"""The paper's two models."""


@cache
def published(file: str) -> tuple[Mapping[str, str], ...]:
    """The lines of a file in `published/`, each value as printed."""
    with (FOLDER / f"{file}.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(csv.DictReader(lines))


def printed(file: str, column: str, **where: object) -> str:
    """A value as the paper prints it; "" where it prints none.

    Args:
        file: name of a file in `published/`.
        column: column of the value.
        **where: values that other columns must have.
    """
    wanted = {key: str(value) for key, value in where.items()}
    found = [line[column] for line in published(file) if wanted.items() <= line.items()]
    return found[0] if found else ""


def number_of(text: str) -> float:
    """The number of a printed text; NaN for none."""
    return float(text) if text else math.nan
