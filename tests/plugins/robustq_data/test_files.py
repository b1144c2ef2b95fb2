"""Datasets on files: what is written by one library is read back as the same case."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK
import torch
from PIL import Image

from robustq.data.open_dataset import open_dataset
from robustq.data.preparation import Preparation
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import AbstractDataset
from robustq.errors import CaseError, RequestError

REAL = Path(__file__).parents[4] / "shared" / "data"
Writer = Callable[[Path, np.ndarray], None]


def values(*shape: int, kind: str = "uint8", seed: int = 0, high: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, high, shape).astype(kind)


def picture(path: Path, array: np.ndarray) -> None:
    Image.fromarray(array).save(path)


def nifti(path: Path, array: np.ndarray, spacing: tuple[float, ...] = (0.7, 0.8, 2.5)) -> None:
    image = nibabel.Nifti1Image(array, np.diag([*spacing, 1.0]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def itk(path: Path, array: np.ndarray) -> None:
    image = SimpleITK.GetImageFromArray(array.transpose())
    image.SetSpacing((0.7, 0.8, 2.5)[: array.ndim])
    SimpleITK.WriteImage(image, str(path))


def arrays(path: Path, array: np.ndarray) -> None:
    np.savez(path, image=array, spacing=np.array((0.7, 0.8, 2.5)[: array.ndim]))


def folder(root: Path, suffix: str, write: Writer, image: np.ndarray, mask: np.ndarray, name: str = "a") -> Path:
    for kind, array in (("images", image), ("masks", mask)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        write(root / kind / f"{name}{suffix}", array)
    return root


def only(dataset: AbstractDataset) -> object:
    (entry,) = dataset.entries
    return dataset.read(entry)


@pytest.mark.parametrize(
    ("suffix", "write", "spacing"),
    [
        (".png", picture, (1.0, 1.0)),
        (".tif", picture, (1.0, 1.0)),
        (".nrrd", itk, (0.7, 0.8)),
        (".mha", itk, (0.7, 0.8)),
        (".npz", arrays, (0.7, 0.8)),
    ],
)
def test_a_flat_grey_image_reads_back_from_every_format(
    tmp_path: Path, suffix: str, write: Writer, spacing: tuple[float, ...]
) -> None:
    image, mask = values(9, 13), values(9, 13, high=2)
    case = only(open_dataset(str(folder(tmp_path, suffix, write, image, mask))))
    assert np.array_equal(case.image[0], image.astype(np.float32))
    assert np.array_equal(case.mask, mask)
    assert case.spacing == pytest.approx(spacing)
    assert case.unit == ("px" if spacing == (1.0, 1.0) else "mm")
    assert case.intensity_range.tolist() == [[0.0, 255.0]]


@pytest.mark.parametrize(
    ("suffix", "write"), [(".nii.gz", nifti), (".nii", nifti), (".nrrd", itk), (".mha", itk), (".npz", arrays)]
)
def test_a_volume_reads_back_from_every_format_with_its_spacing(tmp_path: Path, suffix: str, write: Writer) -> None:
    image, mask = values(5, 7, 4, kind="int16", high=900), values(5, 7, 4, high=3)
    case = only(open_dataset(str(folder(tmp_path, suffix, write, image, mask))))
    assert np.array_equal(case.image[0], image.astype(np.float32))
    assert np.array_equal(case.mask, mask)
    assert case.spacing == pytest.approx((0.7, 0.8, 2.5))
    assert case.unit == "mm"
    # A 16-bit container is not a scale: the image's own extremes are.
    assert case.intensity_range.tolist() == [[float(image.min()), float(image.max())]]


def test_an_rgb_image_has_three_channels_and_a_jpeg_is_close(tmp_path: Path) -> None:
    image = np.broadcast_to(np.linspace(0, 255, 16)[:, None, None], (16, 16, 3)).astype(np.uint8)
    root = folder(tmp_path, ".png", picture, image, values(16, 16, high=2))
    (root / "images" / "a.png").unlink()
    Image.fromarray(image).save(root / "images" / "a.jpg", quality=98)
    case = only(open_dataset(str(root)))
    assert case.image.shape == (3, 16, 16)
    assert (case.image - torch.from_numpy(image.copy()).movedim(-1, 0).float()).abs().max() < 6
    assert case.intensity_range.tolist() == [[0.0, 255.0]] * 3


def test_a_nifti_of_unit_spacing_and_unknown_unit_is_in_pixels(tmp_path: Path) -> None:
    def write(path: Path, array: np.ndarray) -> None:
        nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)

    case = only(open_dataset(str(folder(tmp_path, ".nii.gz", write, values(4, 5, 6), values(4, 5, 6, high=2)))))
    assert (case.unit, case.spacing) == ("px", (1.0, 1.0, 1.0))


def test_a_mask_stored_the_other_way_round_is_turned_to_its_image(tmp_path: Path) -> None:
    image, mask = values(4, 5, 6), values(4, 5, 6, high=2)
    root = folder(tmp_path, ".nii.gz", nifti, image, mask)
    affine = np.diag([-0.7, 0.8, 2.5, 1.0])
    affine[0, 3] = 3 * 0.7  # the first voxel lies where the last one of the image does
    nibabel.save(nibabel.Nifti1Image(mask[::-1].copy(), affine), root / "masks" / "a.nii.gz")
    assert np.array_equal(only(open_dataset(str(root))).mask, mask)


def test_a_declared_window_is_the_range_of_every_channel(tmp_path: Path) -> None:
    root = folder(tmp_path, ".nii.gz", nifti, values(4, 5, 6, kind="int16"), values(4, 5, 6, high=2))
    case = only(open_dataset(f"folder:{root},window=-160..240"))
    assert case.intensity_range.tolist() == [[-160.0, 240.0]]


def test_folders_side_by_side_are_domains_and_a_pattern_names_the_patient(tmp_path: Path) -> None:
    for domain in ("siemens", "philips"):
        for name in ("p01_1", "p01_2", "p02_1"):
            folder(tmp_path / domain, ".png", picture, values(4, 4), values(4, 4, high=2), name)
    entries = open_dataset(f"folder:{tmp_path},group=(p\\d+)_").entries
    assert [entry.id for entry in entries][:2] == ["philips/p01_1", "philips/p01_2"]
    assert {entry.domain for entry in entries} == {"siemens", "philips"}
    assert [entry.group for entry in entries[:3]] == ["p01", "p01", "p02"]


def test_a_csv_carries_domain_split_and_group(tmp_path: Path) -> None:
    folder(tmp_path, ".png", picture, values(4, 4), values(4, 4, high=2))
    folder(tmp_path, ".png", picture, values(4, 4, seed=1), values(4, 4, high=2), "b")
    (tmp_path / "cases.csv").write_text(
        "image,label,domain,split,group\nimages/b.png,masks/b.png,X,val,p\nimages/a.png,masks/a.png,Y,train,\n"
    )
    first, second = open_dataset(str(tmp_path / "cases.csv")).entries
    assert (first.id, first.domain, first.split, first.group) == ("images/a", "Y", "train", "images/a")
    assert (second.id, second.domain, second.split, second.group) == ("images/b", "X", "val", "p")


def test_an_nnunet_folder_has_a_file_a_channel_and_a_decathlon_volume_a_fourth_axis(tmp_path: Path) -> None:
    for name in ("imagesTr", "labelsTr"):
        (tmp_path / name).mkdir()
    channels = [values(4, 5, 6, seed=seed) for seed in (0, 1)]
    for number, channel in enumerate(channels):
        nifti(tmp_path / "imagesTr" / f"one_{number:04d}.nii.gz", channel)
    nifti(tmp_path / "imagesTr" / "two.nii.gz", np.stack(channels, -1), (0.7, 0.8, 2.5))
    for name in ("one", "two"):
        nifti(tmp_path / "labelsTr" / f"{name}.nii.gz", values(4, 5, 6, high=2) * 3)
    labels = {"background": 0, "tumour": 3, "ignore": 9}
    (tmp_path / "dataset.json").write_text(json.dumps({"labels": labels}))
    dataset = open_dataset(str(tmp_path))
    assert (dict(dataset.labels), dataset.ignore) == ({3: "tumour"}, 9)
    for entry in dataset.entries:
        assert np.array_equal(dataset.read(entry).image, np.stack(channels).astype(np.float32))


def test_a_fingerprint_follows_the_image_not_its_place(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", ".png", picture, values(4, 4), values(4, 4, high=2))
    two = folder(tmp_path / "two", ".png", picture, values(4, 4), values(4, 4, high=2), "other")
    three = folder(tmp_path / "three", ".png", picture, values(4, 4, seed=1), values(4, 4, high=2))
    prints = [(data := open_dataset(str(root))).fingerprint(data.entries[0]) for root in (one, two, three)]
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda root: (root / "images" / "a.png").write_bytes(b"not an image"), "cannot be read as an image"),
        (lambda root: picture(root / "masks" / "a.png", values(4, 5, high=2)), "4×4, the mask 4×5"),
        (lambda root: picture(root / "masks" / "a.png", values(4, 4, 3)), "several channels that differ"),
    ],
)
def test_a_bad_case_says_what_is_wrong_with_it(tmp_path: Path, break_it: Callable[[Path], object], words: str) -> None:
    root = folder(tmp_path, ".png", picture, values(4, 4), values(4, 4, high=2))
    break_it(root)
    with pytest.raises(CaseError, match=words):
        only(open_dataset(str(root)))


def test_nan_in_an_image_and_a_fraction_in_a_mask_are_refused(tmp_path: Path) -> None:
    image, mask = np.full((4, 4, 4), np.nan, np.float32), np.full((4, 4, 4), 0.5, np.float32)
    with pytest.raises(CaseError, match="NaN or infinite"):
        only(open_dataset(str(folder(tmp_path / "a", ".nii.gz", nifti, image, values(4, 4, 4, high=2)))))
    with pytest.raises(CaseError, match="not whole numbers"):
        only(open_dataset(str(folder(tmp_path / "b", ".nii.gz", nifti, values(4, 4, 4), mask))))


def test_images_without_masks_are_named(tmp_path: Path) -> None:
    folder(tmp_path, ".png", picture, values(4, 4), values(4, 4, high=2))
    for name in ("lonely", "alone"):
        picture(tmp_path / "images" / f"{name}.png", values(4, 4))
    with pytest.raises(RequestError, match=r"2 of 3 images .* have no mask .*: alone, lonely"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: root / "nowhere", "is not a file or folder"),
        (lambda root: root, "has no folder images/"),
        (lambda root: (root / "images").mkdir() or root, "no folder masks/ or labels/"),
        (lambda root: [(root / name).mkdir() for name in ("images", "masks")] and root, "holds no image"),
        (lambda root: (root / "t.csv").write_text("picture,label\n") and root / "t.csv", "columns .image, picture"),
        (lambda root: (root / "t.csv").write_text("image,label\n") and root / "t.csv", "has no case"),
        (lambda root: (root / "t.csv").write_text("image,label\na,b\n") and root / "t.csv", "line 2: there is no file"),
        (lambda root: (root / "dataset.json").write_text("{") and root, "is not JSON"),
    ],
)
def test_data_that_is_not_there_gets_one_sentence(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        open_dataset(str(make(tmp_path)))


@pytest.mark.skipif(not REAL.is_dir(), reason="the real data are not on this machine")
@pytest.mark.parametrize(
    ("place", "cases", "dims", "unit"),
    [
        ("cxr_lungs/montgomery", 138, 2, "px"),
        ("cardiac_mri/acdc_cine", 94, 3, "px"),
        ("msd_hippocampus/msd", 260, 3, "mm"),
    ],
)
def test_real_cases_are_read_and_prepared(place: str, cases: int, dims: int, unit: str) -> None:
    dataset = open_dataset(str(REAL / place))
    labels = ((1, "a"), (2, "b"), (3, "c")) if "cardiac" in place else ((1, "a"), (2, "b"))
    preparation = Preparation(dims=dims, labels=labels[:1] if dims == 2 else labels, normalise="z-score")
    prepared = PreparedCases(dataset, preparation)
    assert len(dataset.entries) == cases
    good = prepared.check(dataset.entries[::40])
    assert not prepared.failures
    for case in map(prepared, good):
        assert case.unit == unit
        assert case.mask.any()
        assert case.image.mean() == pytest.approx(0, abs=1e-4)
