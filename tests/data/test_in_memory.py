"""Data in memory: pairs, mappings, other libraries' datasets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
import torchio
from monai.data import Dataset as MonaiDataset
from monai.data import MetaTensor
from nibabel.orientations import axcodes2ornt, ornt_transform
from PIL import Image

from robustq.data.in_memory import InMemoryDataset
from robustq.data.open_dataset import as_dataset
from robustq.errors import CaseError, RequestError
from robustq.testing import check_dataset

GENERATOR = np.random.default_rng(7)
GREY = GENERATOR.random((6, 5))
COLOUR = GENERATOR.integers(0, 255, (6, 5, 3), dtype=np.uint8)
VOLUME = GENERATOR.random((6, 5, 4)).astype(np.float32)
FLAT = (GREY > 0.5).astype(np.int64)
SOLID = (VOLUME > 0.5).astype(np.uint8)

TORCHIO_1 = hasattr(torchio, "SubjectsDataset")
"""Whether TorchIO is older than 2."""


class TorchPairs(torch.utils.data.Dataset):
    """A dataset of pairs with channels first, as a training loop has it."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        if index >= 2:
            raise IndexError(index)
        return torch.tensor(GREY[None] + index), torch.tensor(FLAT)


def subjects() -> Any:
    affine = np.diag([0.5, 1.0, 2.0, 1.0])
    if not TORCHIO_1:  # from 2.0 on, a list of subjects is a dataset
        image = torchio.ScalarImage(torch.tensor(VOLUME[None]), affine=affine)
        return [torchio.Subject(ct=image, organ=torchio.LabelMap(torch.tensor(SOLID[None])))]
    image = torchio.ScalarImage(tensor=torch.tensor(VOLUME[None]), affine=affine)
    return torchio.SubjectsDataset(
        [torchio.Subject(ct=image, organ=torchio.LabelMap(tensor=torch.tensor(SOLID[None])))]
    )


FORMS: dict[str, tuple[Callable[[], Any], tuple[int, ...]]] = {
    "grey arrays": (lambda: [(GREY, FLAT), (GREY + 1, FLAT)], (1, 6, 5)),
    "channels last": (lambda: [(COLOUR, FLAT), (COLOUR // 2, FLAT)], (3, 6, 5)),
    "channels first": (lambda: [(np.moveaxis(COLOUR, -1, 0), FLAT)], (3, 6, 5)),
    "mask with a channel": (lambda: [(GREY[None], FLAT[None])], (1, 6, 5)),
    "mask with a last channel": (lambda: [(COLOUR, FLAT[..., None])], (3, 6, 5)),
    "tensors": (lambda: [(torch.tensor(VOLUME), torch.tensor(SOLID))], (1, 6, 5, 4)),
    "bfloat16": (lambda: [(torch.tensor(GREY).bfloat16(), torch.tensor(FLAT))], (1, 6, 5)),
    "mappings": (lambda: [{"image": GREY, "label": FLAT}], (1, 6, 5)),
    "a torch dataset": (TorchPairs, (1, 6, 5)),
    "a MONAI dataset": (
        lambda: MonaiDataset([{"image": torch.tensor(VOLUME[None]), "label": SOLID[None]}]),
        (1, 6, 5, 4),
    ),
    "subjects of TorchIO": (subjects, (1, 6, 5, 4)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_keeps_the_contract_of_a_dataset_and_its_values(form: str) -> None:
    make, shape = FORMS[form]
    data = as_dataset(make())
    check_dataset(data)
    case = data.read(data.entries[0])
    assert case.image.shape == shape
    assert case.mask is not None
    truth = FLAT if len(shape) == 3 else SOLID
    assert np.array_equal(case.mask.numpy(), truth)
    stored = {(1, 6, 5): GREY[None], (3, 6, 5): np.moveaxis(COLOUR, -1, 0), (1, 6, 5, 4): VOLUME[None]}[shape]
    assert np.allclose(case.image.numpy(), stored, atol=0.01)


def test_eight_bit_values_have_the_range_of_their_type_and_others_their_own() -> None:
    data = InMemoryDataset([(COLOUR, FLAT), (GREY, FLAT)])
    colour, grey = (data.read(entry) for entry in data.entries)
    assert colour.intensity_range.tolist() == [[0, 255]] * 3
    assert grey.intensity_range.tolist() == [[pytest.approx(GREY.min()), pytest.approx(GREY.max())]]


def test_spacing_comes_from_the_item_or_is_given_and_else_there_is_none() -> None:
    told = {"image": GREY, "mask": FLAT, "spacing": (0.5, 2.0)}
    meta = MetaTensor(torch.tensor(VOLUME[None]), affine=torch.diag(torch.tensor([3.0, 2.0, 1.0, 1.0])))
    for items, given, spacing, unit in (
        ([told], None, (0.5, 2.0), "mm"),
        ([(GREY, FLAT)], (1.5, 1.5), (1.5, 1.5), "mm"),
        ([(GREY, FLAT)], None, (1.0, 1.0), "px"),
        ([(meta, SOLID[None])], None, (3.0, 2.0, 1.0), "mm"),
        ([(meta[..., 0], SOLID[None, ..., 0])], None, (3.0, 2.0), "mm"),
        ([(meta[0], SOLID)], None, (3.0, 2.0, 1.0), "mm"),
        (subjects(), None, (0.5, 1.0, 2.0), "mm"),
    ):
        data = InMemoryDataset(items, spacing=given)
        case = data.read(data.entries[0])
        assert (case.spacing, case.unit) == (spacing, unit)


def on_grid(values: np.ndarray, affine: np.ndarray, library: str) -> Any:
    """Values with an affine, as MONAI and TorchIO hold them."""
    tensor = torch.tensor(values.copy()[None])
    return MetaTensor(tensor, affine=torch.tensor(affine)) if library == "monai" else (tensor, affine)


def item_of(image: Any, mask: Any, library: str) -> Any:
    if library == "monai":
        return {"image": image, "label": mask}
    return torchio.Subject(
        image=_of_torchio(torchio.ScalarImage, *image),
        mask=_of_torchio(torchio.LabelMap, *mask),
    )


def _of_torchio(kind: type, tensor: torch.Tensor, affine: np.ndarray) -> object:
    # From 2.0 on, an image takes its tensor as its first argument.
    return kind(tensor=tensor, affine=affine) if TORCHIO_1 else kind(tensor, affine=affine)


@pytest.mark.parametrize("library", ["monai", "torchio"])
@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR", "SAL"])
def test_a_mask_with_an_affine_of_its_own_is_turned_to_its_image_as_nibabel_turns_it(library: str, codes: str) -> None:
    affine = np.diag([0.5, 1.5, 2.0, 1.0])
    affine[:3, 3] = 4, -3, 2
    mask = nibabel.Nifti1Image(SOLID, affine)
    turned = mask.as_reoriented(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes)))
    item = item_of(
        on_grid(VOLUME, affine, library), on_grid(np.asarray(turned.dataobj), turned.affine, library), library
    )
    data = InMemoryDataset([item])
    case = data.read(data.entries[0])
    assert np.array_equal(case.mask, SOLID)
    assert np.array_equal(case.image[0], VOLUME)
    assert case.spacing == (0.5, 1.5, 2.0)
    assert list(data.remarks) == []


@pytest.mark.parametrize("library", ["monai", "torchio"])
def test_a_mask_of_another_grid_is_left_out_and_one_without_an_affine_is_matched_by_array_order(library: str) -> None:
    image = on_grid(VOLUME, np.diag([0.5, 1.5, 2.0, 1.0]), library)
    other, plain = (on_grid(SOLID, np.diag([*steps, 1.0]), library) for steps in ((1.0, 1.5, 2.0), (1.0, 1.0, 1.0)))
    data = InMemoryDataset([item_of(image, other, library), item_of(image, plain, library)])
    with pytest.raises(CaseError, match=r"\[0.5 0 0 0; .* and \[1 0 0 0; .*not one grid"):
        data.read(data.entries[0])
    assert np.array_equal(data.read(data.entries[1]).mask, SOLID)
    assert data.remarks == [
        "cases matched by the order of their arrays, because the affine of the image or of the mask is missing, or is "
        "the identity: 1 (0001)"
    ]


def test_a_spacing_of_one_is_in_pixels_where_the_file_has_none(tmp_path: Path) -> None:
    for name, array in (("image", GREY * 255), ("mask", FLAT)):
        Image.fromarray(array.astype(np.uint8)).save(tmp_path / f"{name}.png")
        nibabel.save(nibabel.Nifti1Image(VOLUME if name == "image" else SOLID, np.eye(4)), tmp_path / f"{name}.nii")
    # TorchIO 2.0.0a2 does not read a PNG file.
    for suffix, unit in ((".png", "px"), (".nii", "mm"))[0 if TORCHIO_1 else 1 :]:
        subject = torchio.Subject(
            image=torchio.ScalarImage(tmp_path / f"image{suffix}"), mask=torchio.LabelMap(tmp_path / f"mask{suffix}")
        )
        data = InMemoryDataset([subject])
        assert data.read(data.entries[0]).unit == unit
    flipped = torch.diag(torch.tensor([-1.0, -1.0, 1.0, 1.0]))
    for units, unit in ((0, "px"), (2, "mm"), (10, "mm")):
        image = MetaTensor(torch.tensor(VOLUME[None]), affine=flipped, meta={"xyzt_units": np.array(units)})
        data = InMemoryDataset([(image, MetaTensor(torch.tensor(SOLID[None]), affine=flipped))])
        assert data.read(data.entries[0]).unit == unit


def test_ids_groups_and_domains_are_optional() -> None:
    (entry,) = InMemoryDataset([(GREY, FLAT)]).entries
    assert (entry.id, entry.group, entry.domain) == ("0000", "0000", "")
    (entry,) = InMemoryDataset([{"image": GREY, "mask": FLAT, "id": "scan", "group": "anna", "domain": "A"}]).entries
    assert (entry.id, entry.group, entry.domain) == ("scan", "anna", "A")
    first, second = InMemoryDataset([(GREY, FLAT)] * 2, ids=["b", "a"], groups=["x", "y"], domains=["1", "2"]).entries
    assert (first.id, first.group, first.domain) == ("a", "y", "2")
    assert (second.id, second.group, second.domain) == ("b", "x", "1")


def test_a_case_without_a_mask_is_read_without_one() -> None:
    data = InMemoryDataset([{"image": GREY[None]}, {"image": COLOUR.transpose(2, 0, 1), "mask": None}, GREY, (GREY,)])
    assert [data.read(entry).mask for entry in data.entries] == [None] * 4


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ((GREY, FLAT[:5]), "they do not fit"),
        ((np.zeros((5, 5, 5)), np.zeros((5, 5), int)), "channels may come first or last"),
        ((GREY, FLAT + 0.5), "not whole numbers"),
        ((np.ma.masked_greater(GREY, GREY.mean()), FLAT), "the image is a masked array"),
        ((GREY, np.ma.masked_equal(FLAT, 1)), "the mask is a masked array"),
        ((np.full((6, 5), np.nan), FLAT), "NaN or infinite"),
        ({"picture": GREY}, "none is named image"),
        (7, "give a pair"),
        ((GREY, "mask.png"), "give an array or a tensor"),
        ((GREY + 1j, FLAT), "type complex128: give numbers"),
        ((np.array([["a", "b"]]), np.zeros((1, 2), int)), "type <U1: give numbers"),
        ((np.zeros((0, 5)), np.zeros((0, 5), int)), "holds 0 values"),
        ({"image": GREY, "mask": FLAT, "spacing": (9, 1, 2)}, "3 entries for an image of 2 axes"),
        ((np.stack([GREY, GREY]), np.stack([1 - FLAT, FLAT])), "a layer for each label"),
        ((np.stack([GREY, GREY], -1), np.stack([1 - FLAT, FLAT], -1)), "a layer for each label"),
        ((VOLUME[None], np.stack([1 - SOLID, SOLID])), "a layer for each label"),
        ((COLOUR, np.stack([FLAT] * 3, -1)), "colours or slices"),
        ((np.moveaxis(COLOUR, -1, 0), np.stack([FLAT] * 3)), "colours or slices"),
    ],
)
def test_an_item_that_cannot_be_used_is_named_with_the_reason(item: Any, words: str) -> None:
    data = InMemoryDataset([item])
    with pytest.raises(CaseError, match=words):
        data.read(data.entries[0])


@pytest.mark.parametrize(
    ("items", "settings", "words"),
    [
        ([], {}, "holds no case"),
        ([(GREY, FLAT)], {"ids": ["a", "b"]}, "2 ids were given for 1 cases"),
        ([(GREY, FLAT)] * 2, {"ids": ["a", "a"]}, "the same id"),
        ([{"image": GREY, "label": FLAT, "split": "Test"}], {}, "case 0000 has the split 'Test': give train, val"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(items: list[Any], settings: dict[str, Any], words: str) -> None:
    with pytest.raises(RequestError, match=words):
        InMemoryDataset(items, **settings)


def test_a_dataset_that_gives_another_image_each_time_is_refused() -> None:
    class Random(TorchPairs):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.rand(1, 6, 5), torch.tensor(FLAT)

    data = as_dataset(Random())
    with pytest.raises(RequestError, match="another image each time it is read: take random transforms out"):
        data.read(data.entries[0])


def test_a_dataset_that_gives_another_mask_each_time_is_refused() -> None:
    class RandomMask(TorchPairs):
        def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.tensor(GREY)[None], torch.randint(2, (6, 5))

    data = as_dataset(RandomMask())
    with pytest.raises(RequestError, match="0000 is another mask each time it is read"):
        data.read(data.entries[0])


def test_a_volume_of_three_slices_is_a_volume() -> None:
    data = InMemoryDataset([(VOLUME[..., :3], SOLID[..., :3]), (VOLUME[None, ..., :3], np.zeros((1, 6, 5, 3), int))])
    assert [data.read(entry).image.shape for entry in data.entries] == [(1, 6, 5, 3)] * 2


@pytest.mark.parametrize("data", [3, {"image": [GREY], "mask": [FLAT]}, pd.DataFrame({"image": ["a.png"]})])
def test_what_is_no_data_is_refused(data: Any) -> None:
    with pytest.raises(RequestError, match=f"data is a {type(data).__name__}"):
        as_dataset(data)
