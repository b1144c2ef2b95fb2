"""Files as other systems name, link, turn and order them."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import SimpleITK
from PIL import Image, ImageOps

from robustq.data.open_dataset import open_dataset
from robustq.dataset import AbstractDataset, Case
from robustq.errors import CaseError, RequestError

RNG = np.random.default_rng(0)
COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Jürgen Ångström") for form in ("NFC", "NFD"))
ORIENTATION = 0x0112


def values(*shape: int, high: int = 2) -> np.ndarray:
    return RNG.integers(0, high, shape).astype(np.uint8)


def picture(path: Path, array: np.ndarray | None = None, orientation: int = 1) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values(6, 9) if array is None else array)
    if path.suffix == ".tif":
        image.save(path, tiffinfo={ORIENTATION: orientation})
        return
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(path, exif=exif)


def case_of(root: Path) -> tuple[Case, AbstractDataset]:
    dataset = open_dataset(str(root))
    (entry,) = dataset.entries
    return dataset.read(entry), dataset


def ids(data: Path | str) -> list[str]:
    dataset = open_dataset(str(data))
    for entry in dataset.entries:
        dataset.read(entry)
    return [entry.id for entry in dataset.entries]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_exif_orientation_is_applied_to_image_and_mask_as_pillow_does(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    image, mask = values(6, 9, high=200), values(6, 9)
    picture(tmp_path / "images" / f"a{suffix}", image, orientation)
    picture(tmp_path / "masks" / "a.png", mask, orientation)
    case, dataset = case_of(tmp_path)
    picture(tmp_path / "twin.png", image, orientation)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "twin.png")))
    assert np.array_equal(case.image[0], shown)
    assert np.array_equal(case.mask, np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "masks" / "a.png"))))
    assert list(dataset.remarks) == []


def test_a_turned_jpeg_with_an_upright_mask_is_said(tmp_path: Path) -> None:
    shown = np.repeat(np.repeat(values(3, 4, high=255), 8, 0), 8, 1)
    picture(tmp_path / "images" / "a.jpg", shown[::-1, ::-1].copy(), 3)
    picture(tmp_path / "masks" / "a.png", (shown > 100).astype(np.uint8))
    case, dataset = case_of(tmp_path)
    assert np.abs(case.image[0].numpy() - shown).mean() < 10
    assert "EXIF orientation" in dataset.remarks[0]


def test_sixteen_bit_colours_are_turned_too(tmp_path: Path) -> None:
    wide = RNG.integers(0, 60000, (6, 9, 3)).astype(np.uint16)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(wide, isVector=True), str(tmp_path / "plain.png"))
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture(tmp_path / "small.png", values(2, 2), 6)
    small, plain = ((tmp_path / name).read_bytes() for name in ("small.png", "plain.png"))
    start = small.index(b"eXIf") - 4
    chunk = small[start : start + 12 + int.from_bytes(small[start : start + 4], "big")]
    place = plain.index(b"IDAT") - 4
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.PNG").write_bytes(plain[:place] + chunk + plain[place:])
    picture(tmp_path / "masks" / "a.png", values(9, 6))
    assert np.array_equal(case_of(tmp_path)[0].image, np.rot90(wide, -1).transpose(2, 0, 1))


@pytest.mark.parametrize("suffix", [".MHA", ".NRRD", ".Mhd"])
def test_suffixes_of_simpleitk_are_read_in_capitals(tmp_path: Path, suffix: str) -> None:
    mask = values(6, 9)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / f"a{suffix.lower()}"
        SimpleITK.WriteImage(SimpleITK.GetImageFromArray(mask), str(path))
        path.rename(path.with_suffix(suffix))
    assert np.array_equal(case_of(tmp_path)[0].mask, mask.T)


def test_names_are_compared_after_normalisation(tmp_path: Path) -> None:
    picture(tmp_path / "images" / COMPOSED / "a.png")
    picture(tmp_path / "masks" / DECOMPOSED / "a.png")
    assert ids(tmp_path) == [f"{COMPOSED}/a"]


def test_a_table_finds_its_files_in_any_spelling(tmp_path: Path) -> None:
    picture(tmp_path / DECOMPOSED / f"{COMPOSED}.png")
    picture(tmp_path / COMPOSED / f"{DECOMPOSED}-mask.png")
    table = tmp_path / "cases.csv"
    table.write_text(f"image,label\n{DECOMPOSED}/{DECOMPOSED}.png,{COMPOSED}/{COMPOSED}-mask.png\n")
    assert ids(table) == [f"{COMPOSED}/{COMPOSED}"]


def test_two_spellings_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        for name in (COMPOSED, DECOMPOSED):
            picture(tmp_path / folder / f"{name}.png")
    with pytest.raises(RequestError, match="have the same name"):
        open_dataset(str(tmp_path))


def test_links_to_folders_and_files_are_followed_at_any_depth(tmp_path: Path) -> None:
    root, store = tmp_path / "d", tmp_path / "store"
    for kind in ("images", "masks"):
        picture(store / kind / "deep" / "a.png")
        (store / kind / "b.png").symlink_to(store / kind / "deep" / "a.png")
        (root / kind).mkdir(parents=True)
        (root / kind / "p1").symlink_to(store / kind)
        (store / kind / "deep" / "back").symlink_to(store / kind)
        (store / "more" / kind).mkdir(parents=True)
        picture(store / "more" / kind / "c.png")
        (store / kind / "p2").symlink_to(store / "more" / kind)
    assert ids(root) == ["p1/b", "p1/deep/a", "p1/p2/c"]


def test_links_without_a_target_are_named(tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        picture(tmp_path / kind / "a.png")
        (tmp_path / kind / "b.png").symlink_to(".git/annex/objects/b.png")
        (tmp_path / kind / "p2").symlink_to("nowhere")
    dataset = open_dataset(str(tmp_path))
    with pytest.raises(CaseError, match=r"b.png is a link to .git/annex/objects/b.png, which is not there"):
        dataset.read(dataset.entries[1])
    assert dataset.remarks == [
        "links to a folder or file that is not there, which were passed over: 2 (images/p2, masks/p2)"
    ]


def test_a_table_names_the_case_whose_link_has_no_target(tmp_path: Path) -> None:
    for name in ("a.png", "a-mask.png", "b-mask.png"):
        picture(tmp_path / name)
    (tmp_path / "b.png").symlink_to("gone.png")
    (tmp_path / "cases.csv").write_text("image,label\na.png,a-mask.png\nb.png,b-mask.png\n")
    dataset = open_dataset(str(tmp_path / "cases.csv"))
    with pytest.raises(CaseError, match=r"b\.png is a link to gone\.png"):
        dataset.read(dataset.entries[1])


def test_an_nnunet_folder_that_numbers_its_test_cases_from_the_start_reads_each_from_its_own_file(
    tmp_path: Path,
) -> None:
    for part, value in (("Tr", 200), ("Ts", 90)):
        for number in range(2):
            picture(tmp_path / f"images{part}" / f"c_{number}_0000.png", np.full((4, 4), value + number, np.uint8))
            picture(tmp_path / f"labels{part}" / f"c_{number}.png", values(4, 4))
    picture(tmp_path / "imagesTs" / "only_0000.png", np.full((4, 4), 7, np.uint8))
    picture(tmp_path / "labelsTs" / "only.png", values(4, 4))
    (tmp_path / "dataset.json").write_text(
        '{"labels": {"background": 0, "a": 1}, "training": ["./imagesTr/c_0.png"], "test": ["./imagesTs/c_0.png"]}'
    )
    dataset = open_dataset(str(tmp_path))
    assert {(entry.id, entry.split): dataset.read(entry).image.max().item() for entry in dataset.entries} == {
        ("c_0", ""): 200,
        ("c_1", ""): 201,
        ("imagesTs/c_0", "test"): 90,
        ("imagesTs/c_1", "test"): 91,
        ("only", "test"): 7,
    }
    assert len({entry.group for entry in dataset.entries}) == 5


@pytest.mark.parametrize("bands", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 4)])
@pytest.mark.parametrize("last", [False, True])
def test_channels_of_an_array_are_first_or_last_whatever_their_number(
    tmp_path: Path, bands: int, shape: tuple[int, ...], last: bool
) -> None:
    image, mask = values(bands, *shape, high=200), values(*shape)
    for folder, array in (("images", np.moveaxis(image, 0, -1) if last else image), ("masks", mask)):
        (tmp_path / folder).mkdir()
        np.savez(tmp_path / folder / "a.npz", array)
    case, dataset = case_of(tmp_path)
    assert np.array_equal(case.image, image)
    assert np.array_equal(case.mask, mask)
    assert list(dataset.remarks) == []


@pytest.mark.parametrize(("spacing", "said"), [({}, True), ({"spacing": np.array([2.0, 3.0])}, False)])
def test_an_array_whose_channels_could_be_first_or_last_is_said(
    tmp_path: Path, spacing: dict[str, np.ndarray], said: bool
) -> None:
    image = values(7, 7, 7, high=200)
    (tmp_path / "images").mkdir()
    np.savez(tmp_path / "images" / "a.npz", image=image, **spacing)
    picture(tmp_path / "masks" / "a.png", values(7, 7))
    case, dataset = case_of(tmp_path)
    assert np.array_equal(case.image, image)
    assert [("first or the last axis" in remark) for remark in dataset.remarks] == [True] * said
