"""Files that promise more than they hold, and tables that point outside their folder."""

import gzip
import resource
import struct
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from robustq.errors import CaseError, RequestError
from robustq_data.csv import CSVDataset
from robustq_data.reading import read

HUGE = 2**15 - 1


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    """No test of this file can take much memory: where a promise is believed, the test fails and the machine lives."""
    earlier = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**36, earlier[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, earlier)


def _nifti(path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    header.set_data_shape((HUGE, HUGE, HUGE))
    bytes_of_file = header.binaryblock + bytes(4) + bytes(1000)
    path.write_bytes(gzip.compress(bytes_of_file) if path.suffix == ".gz" else bytes_of_file)


def _nrrd(path: Path) -> None:
    text = f"NRRD0004\ntype: double\ndimension: 3\nsizes: {HUGE} {HUGE} {HUGE}\nencoding: gzip\nendian: little\n\n"
    path.write_bytes(text.encode() + gzip.compress(bytes(1000)))


def _mha(path: Path) -> None:
    text = f"ObjectType = Image\nNDims = 3\nDimSize = {HUGE} {HUGE} {HUGE}\nElementType = MET_DOUBLE\n"
    path.write_bytes(f"{text}ElementDataFile = LOCAL\n".encode() + bytes(1000))


def _npz(path: Path) -> None:
    np.savez_compressed(path, image=np.zeros((2, 2)))
    # The header of the array inside the archive, with a larger shape of the same length.
    import zipfile

    array = np.lib.format.magic(1, 0)
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({HUGE}, {HUGE}, {HUGE}), }}"
    padded = header.encode().ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", array + struct.pack("<H", len(padded)) + padded + bytes(1000))


@pytest.mark.parametrize(
    ("name", "write"),
    [("a.nii", _nifti), ("a.nii.gz", _nifti), ("a.nrrd", _nrrd), ("a.mha", _mha), ("a.npz", _npz)],
)
def test_a_header_that_promises_terabytes_is_refused_before_memory_is_taken(tmp_path: Path, name: str, write) -> None:
    write(tmp_path / name)

    with pytest.raises(CaseError, match=rf"{name} promises [\d.]+ GB of values"):
        read(tmp_path / name)


def test_a_constant_volume_that_compresses_a_thousand_times_is_read(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((300, 300, 300), np.float32), np.eye(4)), tmp_path / "zeros.nii.gz")

    assert read(tmp_path / "zeros.nii.gz").values.shape == (1, 300, 300, 300)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    for name in ("image", "mask"):
        Image.fromarray(np.eye(8, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    folder = tmp_path / "study"
    folder.mkdir()
    return folder / "cases.csv"


@pytest.mark.parametrize("form", ["../{}.png", "{root}/{}.png", "sub/../../{}.png"])
def test_a_table_that_leaves_its_folder_is_refused_unless_it_is_trusted(table: Path, form: str) -> None:
    (table.parent / "sub").mkdir()
    image, mask = (form.format(name, root=table.parent.parent) for name in ("image", "mask"))
    table.write_text(f"image,label\n{image},{mask}\n")

    with pytest.raises(RequestError, match=r"line 2: .* lies outside the folder of the table.*outside=yes"):
        CSVDataset(table)
    dataset = CSVDataset(table, outside="yes")
    assert dataset.read(dataset.entries[0]).mask is not None


def test_a_link_on_the_disk_may_lead_outside(table: Path) -> None:
    for name in ("image", "mask"):
        (table.parent / f"{name}.png").symlink_to(table.parent.parent / f"{name}.png")
    table.write_text("image,label\nimage.png,mask.png\n")

    assert len(CSVDataset(table).entries) == 1
