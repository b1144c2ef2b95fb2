"""A folder of .dcm files is an image like any other: compared with SimpleITK's and pydicom's own reading."""

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK
import torch

from dicom_files import volume, write_series
from robustq.data.open_dataset import open_dataset
from robustq.dataset import Case
from robustq.errors import CaseError

MASK = np.zeros((4, 5, 6), np.uint8)
MASK[1:3, 1:4, 2:5] = 1


def write_mask(path: Path, like: SimpleITK.Image) -> SimpleITK.Image:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = SimpleITK.GetImageFromArray(MASK)
    mask.CopyInformation(like)
    SimpleITK.WriteImage(mask, str(path))
    return mask


def read(root: Path, of: str = "") -> Case:
    dataset = open_dataset(of or str(root))
    (entry,) = dataset.entries
    return dataset.read(entry)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_series(tmp_path / "images" / "p1", volume())
    write_mask(tmp_path / "masks" / "p1.nrrd", volume())
    return tmp_path


def test_values_spacing_and_orientation_are_those_of_the_scanner(root: Path) -> None:
    case = read(root)
    slices = sorted(
        (pydicom.dcmread(path) for path in (root / "images" / "p1").iterdir()),
        key=lambda file: float(file.ImagePositionPatient[2]),
    )
    assert np.array_equal(case.image[0], np.stack([file.pixel_array.T for file in slices], axis=-1))
    assert case.spacing == pytest.approx((0.5, 0.7, 3.0))
    assert (case.unit, case.orientation, case.entry.id) == ("mm", "LPS", "p1")
    assert np.array_equal(case.mask, MASK.transpose(2, 1, 0))


def test_a_mask_in_another_order_of_axes_is_turned_to_the_series(root: Path) -> None:
    turned = SimpleITK.DICOMOrient(SimpleITK.ReadImage(str(root / "masks" / "p1.nrrd")), "RAI")
    SimpleITK.WriteImage(turned, str(root / "masks" / "p1.nrrd"))
    assert np.array_equal(read(root).mask, MASK.transpose(2, 1, 0))


def test_a_mask_elsewhere_leaves_the_case_out(root: Path) -> None:
    write_mask(root / "masks" / "p1.nrrd", volume(origin=(-10, 20, 8)))
    with pytest.raises(CaseError, match="not one grid"):
        read(root)


def test_a_missing_slice_is_named_by_its_neighbours(root: Path) -> None:
    (root / "images" / "p1" / "003.dcm").unlink()
    write_series(root / "images" / "p1", volume(shape=(6, 5, 6)))
    (root / "images" / "p1" / "003.dcm").unlink()
    with pytest.raises(CaseError, match=r"3 mm apart, but 004\.dcm and 002\.dcm are 6 mm apart"):
        read(root)


def test_two_series_in_a_folder_are_named(root: Path) -> None:
    write_series(root / "images" / "p1", volume(seed=1), uid="1.2.4", begin="other-")
    with pytest.raises(CaseError, match=r"2 DICOM series .*1\.2\.3.*1\.2\.4"):
        read(root)


def test_slices_of_different_directions_are_refused(root: Path) -> None:
    write_series(root / "images" / "p1", volume(direction=(1, 0, 0, 0, 1, 0, 0, 0, 1)), begin="other-")
    with pytest.raises(CaseError, match="different sizes, spacings or directions"):
        read(root)


def test_a_file_that_was_cut_off_is_named(root: Path) -> None:
    (root / "images" / "p1" / "002.dcm").write_bytes((root / "images" / "p1" / "002.dcm").read_bytes()[:200])
    with pytest.raises(CaseError, match=r"p1|002\.dcm"):
        read(root)


def test_a_series_of_one_slice_is_an_image(tmp_path: Path) -> None:
    one = volume()[:, :, 1:2]
    write_series(tmp_path / "images" / "x", one)
    (tmp_path / "masks").mkdir()
    mask = SimpleITK.GetImageFromArray(MASK[1:2])
    mask.CopyInformation(one)
    SimpleITK.WriteImage(mask, str(tmp_path / "masks" / "x.nrrd"))
    case = read(tmp_path)
    assert np.array_equal(case.image[0], SimpleITK.GetArrayFromImage(one)[0].T)


def test_tables_and_nnunet_folders_take_series_too(root: Path) -> None:
    (root / "table.csv").write_text("image,label,group\nimages/p1,masks/p1.nrrd,first\n")
    assert read(root, str(root / "table.csv")).image.equal(read(root).image)
    (root / "images").rename(root / "imagesTr")
    (root / "masks").rename(root / "labelsTr")
    (root / "imagesTr" / "p1").rename(root / "imagesTr" / "p1_0000")
    (root / "dataset.json").write_text('{"labels": {"background": 0, "organ": 1}}')
    assert read(root).entry.id == "p1"


def test_the_fingerprint_depends_on_every_slice(root: Path) -> None:
    dataset = open_dataset(str(root))
    before = dataset.fingerprint(dataset.entries[0])
    write_series(root / "images" / "p1", volume(seed=1))
    assert dataset.fingerprint(dataset.entries[0]) != before


def test_loose_dicom_files_beside_pictures_are_passed_over_as_before(root: Path) -> None:
    (root / "images" / "p1" / "003.dcm").rename(root / "images" / "loose.dcm")
    assert any("loose.dcm" in remark for remark in open_dataset(str(root)).remarks)


def change(root: Path, place: int, **tags: object) -> None:
    """Write other tags into the file of one slice."""
    path = sorted((root / "images" / "p1").iterdir())[place]
    file = pydicom.dcmread(path)
    for tag, value in tags.items():
        setattr(file, tag, value)
    file.save_as(path)


def test_slices_with_a_rescale_slope_of_their_own_keep_their_fractions(root: Path) -> None:
    slopes = {0: 1.0, 1: 0.25, 2: 0.1, 3: 100.0}
    for place, slope in slopes.items():
        change(root, place, RescaleSlope=slope, RescaleIntercept=0)
    files = (pydicom.dcmread(path) for path in (root / "images" / "p1").iterdir())
    slices = sorted(files, key=lambda file: float(file.ImagePositionPatient[2]))
    expected = np.stack([pydicom.pixels.apply_rescale(file.pixel_array, file).T for file in slices], axis=-1)
    assert np.allclose(read(root).image[0], expected)


def test_values_of_which_low_ones_are_white_are_inverted_and_that_is_said(root: Path) -> None:
    before = read(root).image
    for place in range(4):
        change(root, place, PhotometricInterpretation="MONOCHROME1")
    dataset = open_dataset(str(root))
    image = dataset.read(dataset.entries[0]).image
    assert torch.equal(image - image.min(), before.max() - before)
    assert any("MONOCHROME1" in remark and "p1" in remark for remark in dataset.remarks)


def test_a_series_in_which_low_values_are_white_on_some_slices_is_refused(root: Path) -> None:
    change(root, 2, PhotometricInterpretation="MONOCHROME1")
    with pytest.raises(CaseError, match="low values are white in only one of"):
        read(root)
