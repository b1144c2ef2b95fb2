"""The paper's data are read as their owners publish them: compared with nibabel, SimpleITK and NumPy."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
from PIL import Image

from dicom_files import volume, write_series
from raw_downloads import CT, btcv, jsrt, jsrt_values, nih, organs, picture, prostate
from robustq.data.open_dataset import open_dataset
from robustq.dataset import Case
from robustq.errors import CaseError, RequestError


def read(dataset: str, name: str) -> Case:
    opened = open_dataset(dataset)
    return opened.read(next(entry for entry in opened.entries if entry.id == name))


@pytest.mark.parametrize("folders", [("img", "label"), ("imagesTr", "labelsTr")])
def test_btcv_has_13_organs_in_the_challenge_s_order(tmp_path: Path, folders: tuple[str, str]) -> None:
    btcv(tmp_path, *folders)
    case = read(f"btcv:{tmp_path}", "img0001")
    scan = nibabel.load(tmp_path / "Training" / folders[0] / "img0001.nii.gz")
    assert np.array_equal(case.image[0], np.asarray(scan.dataobj))
    assert np.array_equal(case.mask, organs())
    assert case.spacing == pytest.approx(nibabel.affines.voxel_sizes(CT))
    assert (case.orientation, case.unit) == ("LAS", "mm")
    names = list((open_dataset(f"btcv:{tmp_path}").labels or {}).values())
    assert names[:4] + names[-2:] == [
        *("spleen", "right kidney", "left kidney", "gallbladder"),
        *("right adrenal gland", "left adrenal gland"),
    ]
    assert len(names) == 13


def test_a_btcv_scan_without_a_mask_is_named_and_those_for_testing_are_passed_over(tmp_path: Path) -> None:
    btcv(tmp_path)
    (tmp_path / "Training" / "label" / "label0002.nii.gz").unlink()
    (tmp_path / "Testing" / "img").mkdir(parents=True)
    with pytest.raises(CaseError, match=r"img0002 has an image \(img0002\.nii\.gz\) and no mask"):
        read(f"btcv:{tmp_path}", "img0002")
    assert any("Testing/img" in remark for remark in open_dataset(f"btcv:{tmp_path}").remarks)


def test_prostates_have_their_hospital_patient_part_and_zones(tmp_path: Path) -> None:
    dataset = open_dataset(f"nci-isbi-2013:{prostate(tmp_path)}")
    assert [(entry.id, entry.group, entry.domain, entry.split) for entry in dataset.entries] == [
        ("Prostate3T-01-0002", "Prostate3T-01-0002", "RUNMC", ""),
        ("Prostate3T-03-0003", "Prostate3T-03-0003", "RUNMC", "test"),
        ("ProstateDx-01-0001", "ProstateDx-01-0001", "BMC", ""),
    ]
    case = dataset.read(dataset.entries[2])
    truth = SimpleITK.ReadImage(str(tmp_path / "labels" / "Training" / "ProstateDx-01-0001.nrrd"))
    assert np.array_equal(case.image[0], SimpleITK.GetArrayFromImage(volume()).T)
    assert np.array_equal(case.mask, SimpleITK.GetArrayFromImage(truth).T)
    assert case.spacing == pytest.approx(truth.GetSpacing())
    assert case.orientation == "LPS"


def test_a_patient_with_two_series_or_no_mask_is_named(tmp_path: Path) -> None:
    prostate(tmp_path)
    (tmp_path / "labels" / "Training" / "ProstateDx-01-0001.nrrd").unlink()
    with pytest.raises(CaseError, match=r"ProstateDx-01-0001 has an image .* and no mask"):
        read(f"nci-isbi-2013:{tmp_path}", "ProstateDx-01-0001")
    write_series(tmp_path / "images" / "Prostate-3T" / "Prostate3T-01-0002" / "1.5" / "1.9", volume(), uid="1.9")
    with pytest.raises(CaseError, match=r"Prostate3T-01-0002 has 2 images \(1\.6, 1\.9\)"):
        read(f"nci-isbi-2013:{tmp_path}", "Prostate3T-01-0002")


def test_a_prostate_without_a_slice_in_the_middle_is_named(tmp_path: Path) -> None:
    prostate(tmp_path)
    (tmp_path / "images" / "1.7.8" / "002.dcm").unlink()
    with pytest.raises(CaseError, match=r"003\.dcm and 001\.dcm are 6 mm apart"):
        read(f"nci-isbi-2013:{tmp_path}", "Prostate3T-03-0003")


def test_images_of_one_nih_patient_stay_together_and_are_grey(tmp_path: Path) -> None:
    dataset = open_dataset(f"nih-xlsor:{nih(tmp_path)}")
    assert [(entry.id, entry.group) for entry in dataset.entries] == [
        ("00000013_006", "00000013"),
        ("00000013_007", "00000013"),
        ("00000211_000", "00000211"),
    ]
    case = dataset.read(dataset.entries[1])
    folder = tmp_path / "data" / "NIH"
    with Image.open(folder / "images" / "00000013_007.png") as stored:
        assert np.array_equal(case.image[0], np.asarray(stored)[..., 0])
    with Image.open(folder / "masks" / "00000013_007_mask.png") as stored:
        assert np.array_equal(case.mask, np.asarray(stored) // 255)
    assert case.intensity_range.tolist() == [[0, 255]]


def test_jsrt_is_big_endian_and_turned_so_that_bone_is_bright(tmp_path: Path) -> None:
    case = read(f"jsrt:{jsrt(tmp_path)}", "JPCLN001")
    assert np.array_equal(case.image[0], 4095 - jsrt_values(0))
    assert case.mask is not None
    assert case.mask[400:1602, 1200:1800].all()
    assert case.mask[400:1602, 200:800].all()
    assert case.mask.sum() == 2 * 1202 * 600


def test_jsrt_in_the_other_byte_order_or_cut_off_is_named(tmp_path: Path) -> None:
    jsrt(tmp_path)
    path = tmp_path / "All247images" / "JPCLN001.IMG"
    jsrt_values(0).astype("<u2").tofile(path)
    with pytest.raises(CaseError, match=r"JPCLN001\.IMG has values up to .* 12 bits hold 4095"):
        read(f"jsrt:{tmp_path}", "JPCLN001")
    path.write_bytes(b"\0" * 100)
    with pytest.raises(CaseError, match=r"JPCLN001\.IMG has 100 bytes"):
        read(f"jsrt:{tmp_path}", "JPCLN001")


def test_a_missing_lung_is_named(tmp_path: Path) -> None:
    jsrt(tmp_path)
    (tmp_path / "scratch" / "fold1" / "masks" / "right lung" / "JPCLN001.gif").unlink()
    with pytest.raises(CaseError, match=r"JPCLN001 has 1 masks \(left lung/JPCLN001\.gif\), not 2"):
        read(f"jsrt:{tmp_path}", "JPCLN001")


def test_the_paper_s_jsrt_is_the_images_with_nodules(tmp_path: Path) -> None:
    jsrt(tmp_path)
    ids = {
        subset: [entry.id for entry in open_dataset(f"jsrt:{tmp_path},subset={subset}").entries]
        for subset in ("nodules", "healthy", "all")
    }
    assert ids == {"nodules": ["JPCLN001"], "healthy": ["JPCNN001"], "all": ["JPCLN001", "JPCNN001"]}
    assert [entry.id for entry in open_dataset(f"jsrt:{tmp_path}").entries] == ids["nodules"]


def test_png_copies_of_jsrt_are_read_as_they_are(tmp_path: Path) -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    picture(tmp_path / "png" / "JPCLN001.png", grey)
    for lung, row in (("left lung", 0), ("right lung", 3)):
        mask = np.zeros((4, 4), np.uint8)
        mask[row] = 255
        picture(tmp_path / "masks" / lung / "JPCLN001.png", mask)
    case = read(f"jsrt:{tmp_path}", "JPCLN001")
    assert np.array_equal(case.image[0], grey)
    assert np.array_equal(case.mask, np.repeat([[1], [1], [0], [0], [0], [0], [1], [1]], 8, axis=1))


def test_the_society_s_png_release_has_its_own_split(tmp_path: Path) -> None:
    for split in ("train", "test"):
        picture(tmp_path / "Segmentation01" / split / "org" / "case1.png", np.full((4, 4), 9, np.uint8))
        picture(tmp_path / "Segmentation01" / split / "label" / "case1.png", np.eye(4, dtype=np.uint8) * 255)
    dataset = open_dataset(f"jsrt:{tmp_path}")
    assert [(entry.id, entry.split) for entry in dataset.entries] == [("test/case1", "test"), ("train/case1", "train")]
    assert np.array_equal(dataset.read(dataset.entries[0]).mask, np.eye(4))


@pytest.mark.parametrize("name", ["btcv", "nci-isbi-2013", "nih-xlsor", "jsrt"])
def test_a_folder_without_the_download_is_refused_with_what_is_looked_for(tmp_path: Path, name: str) -> None:
    with pytest.raises(RequestError, match="holds no case: it needs"):
        open_dataset(f"{name}:{tmp_path}")
