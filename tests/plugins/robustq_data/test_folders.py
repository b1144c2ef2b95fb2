"""Folders and tables as people have them: nothing in them is passed over without a word."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from robustq.data.open_dataset import open_dataset
from robustq.errors import CaseError, RequestError

RNG = np.random.default_rng(0)
PASSED_OVER = "which were passed over"


def picture(path: Path, value: int | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 2, (4, 5)) if value is None else np.full((4, 5), value)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


def pair(folder: Path, name: str, value: int = 100) -> None:
    picture(folder / "images" / f"{name}.png", value)
    picture(folder / "masks" / f"{name}.png")


def ids(data: Path) -> list[str]:
    return [entry.id for entry in open_dataset(str(data)).entries]


def remarks(data: Path) -> list[str]:
    return list(open_dataset(str(data)).remarks)


@pytest.mark.parametrize("kind", ["bmp", "webp", "GIF", "hdr", "npy"])
def test_an_image_of_a_kind_that_is_not_read_and_a_lonely_mask_are_named(tmp_path: Path, kind: str) -> None:
    pair(tmp_path, "a")
    picture(tmp_path / "images" / "p1" / "b.png").rename(tmp_path / "images" / "p1" / f"b.{kind}")
    picture(tmp_path / "masks" / "p1" / "b.png")
    unread, lonely = remarks(tmp_path)
    assert f"{PASSED_OVER} (save them as PNG" in unread
    assert unread.endswith(f": 1 (images/p1/b.{kind})")
    assert lonely == f"masks without an image of the same name, {PASSED_OVER}: 1 (masks/p1/b.png)"


def test_files_that_systems_leave_behind_are_not_mentioned(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    for name in (".DS_Store", "._a.png", "Thumbs.db", "desktop.ini", "a.json", "notes.txt"):
        (tmp_path / "images" / name).write_text("x")
    assert (ids(tmp_path), remarks(tmp_path)) == (["a"], [])


def test_a_folder_of_images_that_are_not_read_says_what_it_holds(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / "images" / f"{name}.bmp")
        picture(tmp_path / "masks" / f"{name}.bmp")
    with pytest.raises(RequestError, match=r"holds no image that robustq reads, it holds a\.bmp, b\.bmp: give PNG"):
        open_dataset(str(tmp_path))


def test_masks_of_other_names_are_shown_with_the_ways_out(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "masks" / "a_mask.png")
    with pytest.raises(RequestError, match=r"masks/ holds a_mask\.png: give masks the names .* in a CSV"):
        open_dataset(str(tmp_path))


def test_names_that_differ_in_capitals_dots_and_zeros_are_different_cases(tmp_path: Path) -> None:
    names = ["1", "01", "1.0", "case.1", "case.1.nii", "a", "A"]
    for value, name in enumerate(names):
        pair(tmp_path, name, value)
    dataset = open_dataset(str(tmp_path))
    assert {entry.id: dataset.read(entry).image.max().item() for entry in dataset.entries} == {
        name: value for value, name in enumerate(names)
    }


def test_inner_folders_named_train_val_and_test_are_splits(tmp_path: Path) -> None:
    for name in ("Train", "valid", "test"):
        pair(tmp_path / name, "a")
    entries = {entry.id: (entry.domain, entry.split) for entry in open_dataset(f"folder:{tmp_path},domain=B").entries}
    assert entries == {"Train/a": ("B", "train"), "test/a": ("B", "test"), "valid/a": ("B", "val")}


def test_folders_named_train_and_val_in_images_are_splits_and_the_case_ids_say_so(tmp_path: Path) -> None:
    for name in ("train/a", "train/more/b", "val/a"):
        picture(tmp_path / "images" / f"{name}.png")
        picture(tmp_path / "labels" / f"{name}.png")
    dataset = open_dataset(f"folder:{tmp_path},domain=B")
    entries = {entry.id: (entry.domain, entry.split) for entry in dataset.entries}
    assert entries == {"train/a": ("B", "train"), "train/more/b": ("B", "train"), "val/a": ("B", "val")}


@pytest.mark.parametrize("beside", ["c", "siemens/c"])
def test_a_case_beside_train_and_val_makes_them_folders_like_others(beside: str, tmp_path: Path) -> None:
    for name in ("train/a", "val/b", beside):
        picture(tmp_path / "images" / f"{name}.png")
        picture(tmp_path / "labels" / f"{name}.png")
    assert {entry.split for entry in open_dataset(str(tmp_path)).entries} == {""}


def test_inner_folders_of_other_names_are_domains_and_those_without_images_are_named(tmp_path: Path) -> None:
    for name in ("train", "siemens"):
        pair(tmp_path / name, "a")
    picture(tmp_path / "philips" / "imgs" / "a.png")
    (tmp_path / ".git").mkdir()
    dataset = open_dataset(str(tmp_path))
    assert [(entry.domain, entry.split) for entry in dataset.entries] == [("siemens", ""), ("train", "")]
    assert list(dataset.remarks) == [f"folders without images/, {PASSED_OVER}: 1 (philips)"]


def test_two_domains_of_one_name_in_two_spellings_are_refused(tmp_path: Path) -> None:
    for form in ("NFC", "NFD"):
        pair(tmp_path / unicodedata.normalize(form, "Köln"), "a")
    with pytest.raises(RequestError, match="have the same name: rename one"):
        open_dataset(str(tmp_path))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    pair(tmp_path, "a")
    (tmp_path / "images" / "again").symlink_to(tmp_path / "images")
    (tmp_path / "images" / "loop").symlink_to("loop")
    (tmp_path / "images" / "b.png").symlink_to("c.png")
    (tmp_path / "images" / "c.png").symlink_to("b.png")
    for name in "bc":
        picture(tmp_path / "masks" / f"{name}.png")
    dataset = open_dataset(str(tmp_path))
    assert [entry.id for entry in dataset.entries] == ["a", "b", "c"]
    with pytest.raises(CaseError, match=r"b\.png is a link to c\.png, which is not there"):
        dataset.read(dataset.entries[1])
    assert "images/loop" in dataset.remarks[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,label\nimages\\a.png,masks\\a.png\n", "write / between its folders"),
        ("image,label\nimages/a.png,\n", "line 2: the column label is empty"),
        ("image,label\nimages/a.png\n", "line 2: the column label is empty"),
        ("image,label\nimages/a.png,masks/a.png,\n", "more entries on its lines than columns"),
        ("image,label\nimages/a.png,masks/a.png,masks/b.png\n", "more entries on its lines than columns"),
        ("image,label,label\nimages/a.png,masks/a.png,masks/b.png\n", r"unknown columns \(label.1\)"),
        ("image;label\nimages/a.png;masks/a.png\n", "separate the columns .* by commas"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    for name in "ab":
        pair(tmp_path, name)
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(RequestError, match=words):
        open_dataset(str(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffimage,label\nimages/a.png,masks/a.png\n",
        '\ufeff"image","label"\r\n"images/a.png","masks/a.png"\r\n',
        "image, label\n images/a.png , masks/a.png \n\n",
    ],
)
def test_a_table_of_another_program_is_read(tmp_path: Path, text: str) -> None:
    pair(tmp_path, "a")
    (tmp_path / "t.csv").write_text(text, newline="")
    assert ids(tmp_path / "t.csv") == ["images/a"]


def nnunet(root: Path, labels: Any, cases: dict[str, tuple[str, ...]], encoding: str = "utf-8") -> Path:
    """An nnU-Net folder: the suffixes of each case's image names."""
    for place, (name, channels) in enumerate(cases.items()):
        for channel in channels:
            picture(root / "imagesTr" / f"{name}{channel}.png", 10 * place + len(channel))
        picture(root / "labelsTr" / f"{name}.png")
    (root / "dataset.json").write_text(json.dumps({"labels": labels}), encoding)
    return root


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"background": 0, "lung": "one"}, "the label 'lung' the mask value 'one': give a whole number"),
        ({"background": 0, "lung": None}, "the mask value None"),
        ({"background": 0, "lung": 1.5}, "the mask value 1.5"),
        ({"background": 0, "lung": 1, "heart": 1}, "the mask value 1 two names, lung and heart"),
        ({"0": "background", "1": "lung", "01": "heart"}, "the mask value 1 two names"),
        (["background", "lung"], "names no labels"),
    ],
)
def test_labels_that_cannot_be_meant_are_refused(tmp_path: Path, labels: Any, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        open_dataset(str(nnunet(tmp_path, labels, {"a": ("_0000",)})))


@pytest.mark.parametrize("labels", [{"background": 0, "lung": 2}, {"0": "background", "2": "lung"}, {"lung": "2.0"}])
def test_labels_are_read_in_every_form_and_after_a_byte_order_mark(tmp_path: Path, labels: Any) -> None:
    root = nnunet(tmp_path, labels, {"a": ("_0000",)}, "utf-8-sig")
    assert open_dataset(str(root)).labels == {2: "lung"}


def test_a_case_that_lacks_a_channel_is_left_out_although_its_number_of_files_fits(tmp_path: Path) -> None:
    cases = {"a": ("_0000", "_0001"), "b": ("_0000", "_0002"), "c": ("_0000", "_0001"), "d": ("_0000",)}
    dataset = open_dataset(str(nnunet(tmp_path, {"lung": 1}, cases)))
    first, second, third, fourth = dataset.entries
    assert len(dataset.read(first).image) == len(dataset.read(third).image) == 2
    with pytest.raises(CaseError, match="channels 0000, 0002, and most cases for 0000, 0001"):
        dataset.read(second)
    with pytest.raises(CaseError, match="channels 0000, and most cases for"):
        dataset.read(fourth)


def test_a_case_whose_name_looks_like_the_channel_of_another_is_a_case(tmp_path: Path) -> None:
    dataset = open_dataset(str(nnunet(tmp_path, {"lung": 1}, {"p": ("",), "p_2019": ("",)})))
    assert {entry.id: dataset.read(entry).image.max().item() for entry in dataset.entries} == {"p": 0, "p_2019": 10}


def test_a_mask_without_an_image_is_named_in_an_nnunet_folder_too(tmp_path: Path) -> None:
    root = nnunet(tmp_path, {"lung": 1}, {"a": ("_0000",)})
    picture(root / "labelsTr" / "b.png")
    assert remarks(root) == [f"masks without an image of the same name, {PASSED_OVER}: 1 (labelsTr/b.png)"]


def listing(root: Path, **entries: Any) -> Path:
    """An nnU-Net folder with the cases a and b, whose dataset.json lists cases too."""
    nnunet(root, {"lung": 1}, {"a": ("_0000",), "b": ("_0000",)})
    (root / "dataset.json").write_text(json.dumps({"labels": {"lung": 1}, **entries}))
    return root


def listed(image: str, label: str) -> dict[str, str]:
    return {"image": f"./imagesTr/{image}.png", "label": f"./labelsTr/{label}.png"}


@pytest.mark.parametrize(
    "entries",
    [
        {"training": [listed("a", "b"), listed("b", "a")]},
        {"training": [listed("b", "b")], "validation": [listed("a_0000", "b")]},
        {"dataset": {"case": {"images": ["imagesTr/a_0000.png"], "label": "labelsTr/b.png"}}},
    ],
)
def test_a_list_that_gives_an_image_the_mask_of_another_name_is_refused(tmp_path: Path, entries: Any) -> None:
    with pytest.raises(RequestError, match=r"lists the image a(_0000)? with the mask b, and .* takes a"):
        open_dataset(str(listing(tmp_path, **entries)))


@pytest.mark.parametrize("end", ["", "_0000"])
def test_a_list_of_the_cases_that_are_there_is_not_mentioned(tmp_path: Path, end: str) -> None:
    root = listing(tmp_path, training=[listed(f"a{end}", "a"), listed(f"b{end}", "b")], test=["./imagesTs/c.png"])
    assert remarks(root) == []


def test_cases_that_stand_only_in_the_list_or_only_in_the_folder_are_named(tmp_path: Path) -> None:
    more, missing = remarks(listing(tmp_path, training=[listed("a", "a"), listed("c", "c")]))
    assert missing.endswith("lists and whose files are not there: 1 (c)")
    assert more.endswith("does not list, which are used all the same: 1 (b)")


@pytest.mark.parametrize("pattern", [r"(p\d+)?", r"\d*", "^"])
def test_a_pattern_that_matches_nothing_of_a_name_makes_no_patient(tmp_path: Path, pattern: str) -> None:
    pair(tmp_path, "case")
    with pytest.raises(RequestError, match="matches an empty text in the case id 'case'"):
        open_dataset(f"folder:{tmp_path},group={pattern}")


def test_labels_that_commas_separate_are_not_one_name(tmp_path: Path) -> None:
    pair(tmp_path, "case")
    with pytest.raises(RequestError, match=r"labels=1=lung,5=heart is not a list of labels: write VALUE=NAME\|"):
        open_dataset(f"folder:{tmp_path},labels=1=lung,5=heart")
    assert open_dataset(f"folder:{tmp_path},labels=1=lung, left|5=heart").labels == {1: "lung, left", 5: "heart"}
