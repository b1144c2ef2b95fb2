import torch

import robustq
from robustq.data.open_dataset import open_dataset
from robustq.data.prepared_cases import PreparedCases
from robustq.training.batches import Batches, items_of, slice_of

LABELS = tuple(sorted(open_dataset("phantom").labels.items()))


def prepared(data: str, *size: int, dims: int = 2) -> PreparedCases:
    return PreparedCases(open_dataset(data), robustq.Preparation(dims=dims, size=size, labels=LABELS))


def batches(cases: PreparedCases, size: int, *, augmented: bool = False) -> Batches:
    return Batches(cases, items_of(cases, cases.dataset.entries), size, seed=3, augmented=augmented)


def test_every_item_is_shown_once_an_epoch_in_an_order_of_its_own() -> None:
    cases = prepared("phantom:cases=5,domain=A", 12, 10)
    made = batches(cases, 2)
    shown = [torch.cat([batch.images for batch in made.of_epoch(epoch)]) for epoch in (1, 2)]
    stored = torch.stack([cases(entry).image for entry in cases.dataset.entries])
    for images in shown:
        assert sorted(images.flatten(1).sum(1).tolist()) == sorted(stored.flatten(1).sum(1).tolist())
    assert not shown[0].equal(shown[1])
    assert [len(batch.images) for batch in made.of_epoch(1)] == [2, 2, 1]
    assert len(made) == 3


def test_an_epoch_is_the_same_whatever_was_asked_for_before() -> None:
    made = batches(prepared("phantom:cases=3,domain=A", 12, 10), 2, augmented=True)
    first = list(made.of_epoch(2))
    list(made.of_epoch(1))
    for one, other in zip(first, made.of_epoch(2), strict=True):
        assert all(part.equal(again) for part, again in zip(one, other, strict=True))


def test_a_volume_gives_its_slices_to_a_2d_model_and_itself_to_a_3d_one() -> None:
    flat = prepared("phantom:dims=3,cases=1,domain=A", 12, 10)
    case = flat(flat.dataset.entries[0])
    items = items_of(flat, flat.dataset.entries)
    assert [item.place for item in items] == list(range(case.image.shape[case.slice_axis + 1]))
    third = slice_of(case, 2)
    assert third.image.equal(case.image.select(case.slice_axis + 1, 2))
    assert third.mask.equal(case.mask.select(case.slice_axis + 1, 2))
    assert third.entry.id == f"{case.entry.id}#2"
    assert len(third.spacing) == 2
    whole = prepared("phantom:dims=3,cases=1,domain=A", 12, 10, 8, dims=3)
    assert [item.place for item in items_of(whole, whole.dataset.entries)] == [None]
