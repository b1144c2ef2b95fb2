"""The built-in dataset, and the splits that every dataset goes through."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import label as components

from robustq.data.open_dataset import open_dataset
from robustq.dataset import Entry
from robustq.errors import RequestError
from robustq.training.split import split


@pytest.mark.parametrize("dims", [2, 3])
def test_a_phantom_depends_on_its_seed_and_number_alone(dims: int) -> None:
    few, many = (open_dataset(f"phantom:dims={dims},cases={cases}") for cases in (1, 3))
    other = open_dataset(f"phantom:dims={dims},cases=1,seed=1")
    entry = few.entries[0]
    assert few.read(entry).image.equal(many.read(entry).image)
    assert few.read(entry).mask.equal(many.read(entry).mask)
    assert few.fingerprint(entry) == many.fingerprint(entry) != other.fingerprint(entry)
    assert not few.read(entry).image.equal(other.read(entry).image)


def test_a_phantom_can_begin_with_a_later_case() -> None:
    all_cases, later = open_dataset("phantom:cases=6"), open_dataset("phantom:first=4,cases=2")
    assert [entry.id for entry in later.entries] == ["A/0004", "A/0005", "B/0004", "B/0005"]
    for entry in later.entries:
        assert later.read(entry).image.equal(all_cases.read(entry).image)
        assert later.fingerprint(entry) == all_cases.fingerprint(entry)


@pytest.mark.parametrize("dims", [2, 3])
def test_every_phantom_has_two_lungs_and_a_heart_in_one_piece_each(dims: int) -> None:
    dataset = open_dataset(f"phantom:dims={dims},cases=6")
    assert dict(dataset.labels) == {1: "left lung", 2: "right lung", 3: "heart"}
    for entry in dataset.entries:
        case = dataset.read(entry)
        assert case.unit == "mm"
        assert case.image.isfinite().all()
        for value in dataset.labels:
            organ = case.mask == value
            sizes = np.bincount(components(organ.numpy())[0].ravel())[1:]
            assert 0.003 < organ.float().mean() < 0.2
            assert sizes.max() > 0.95 * sizes.sum()
        # A picture's columns, a volume's first axis, run to the patient's left.
        across = case.mask.movedim(1 if dims == 2 else 0, 0)
        places = torch.arange(len(across)).view(-1, *[1] * (dims - 1)).expand(across.shape)
        assert places[across == 1].float().mean() > places[across == 2].float().mean()


def test_the_scanners_differ_in_contrast_blur_and_noise() -> None:
    contrast: dict[str, list[float]] = {"A": [], "B": []}
    dataset = open_dataset("phantom:cases=6")
    for entry in dataset.entries:
        case = dataset.read(entry)
        image = case.image[0] / case.image.max()
        heart, lung = image[case.mask == 3], image[case.mask == 1]
        contrast[entry.domain].append(float((heart.mean() - lung.mean()) / lung.std()))
    assert np.mean(contrast["A"]) > 1.5 * np.mean(contrast["B"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("phantom:dims=4", "there is no phantom with dims=4"),
        ("phantom:cases=none", "is not a whole number"),
        ("phantom:first=-1", "first and seed 0 or more"),
        ("phantom:domain=C", "scanner of the phantom 'C'"),
    ],
)
def test_a_phantom_that_cannot_be_made_is_refused(text: str, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        open_dataset(text)


@given(
    groups=st.lists(st.integers(0, 9), min_size=2, max_size=40).filter(lambda groups: len({*groups}) > 1),
    share=st.floats(0.05, 0.6),
    seed=st.integers(0, 9),
)
def test_no_patient_stands_on_both_sides_and_no_case_is_lost(groups: list[int], share: float, seed: int) -> None:
    entries = [Entry(f"case{number}", f"p{group}") for number, group in enumerate(groups)]
    training, validation = split(entries, validation=share, seed=seed)
    assert sorted(map(id, training + validation)) == sorted(map(id, entries))
    assert not {entry.group for entry in training} & {entry.group for entry in validation}
    assert training
    assert validation
    assert (training, validation) == split(entries[::-1], validation=share, seed=seed)


def test_a_declared_split_is_kept_and_test_cases_stay_out() -> None:
    entries = [Entry("a", "a", split="train"), Entry("b", "b", split="val"), Entry("c", "c", split="test")]
    assert split(entries) == ([entries[0]], [entries[1]])


def test_a_declared_split_that_tears_a_patient_apart_is_refused() -> None:
    entries = [Entry("a", "p", split="train"), Entry("b", "p", split="val")]
    with pytest.raises(RequestError, match=r"group 'p' in train and in val"):
        split(entries)


def test_one_patient_is_not_enough() -> None:
    with pytest.raises(RequestError, match="leave none for validation"):
        split([Entry("a", "p"), Entry("b", "p")])
