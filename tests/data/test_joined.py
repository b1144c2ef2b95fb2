"""Several datasets read as one."""

import numpy as np
import pytest

from robustq.data.in_memory import InMemoryDataset
from robustq.data.joined import JoinedDataset
from robustq.data.open_dataset import open_dataset
from robustq.errors import RequestError


def hospital(name: str, seed: int, **settings: object) -> InMemoryDataset:
    generator = np.random.default_rng(seed)
    pairs = [(generator.random((6, 5)), (generator.random((6, 5)) > 0.5).astype(int)) for _ in range(2)]
    return InMemoryDataset(pairs, name=name, **settings)


def test_each_dataset_is_a_domain_and_its_cases_stay_as_they_are() -> None:
    parts = [hospital("north", 0), hospital("south", 1, domains=["a", "b"])]
    joined = JoinedDataset(parts)
    assert joined.name == "north+south"
    assert [(entry.id, entry.domain) for entry in joined.entries] == [
        ("north/0000", "north"),
        ("north/0001", "north"),
        ("south/0000", "south/a"),
        ("south/0001", "south/b"),
    ]
    own = [(part, entry) for part in parts for entry in part.entries]
    for entry, (part, part_entry) in zip(joined.entries, own, strict=True):
        assert joined.read(entry).image.equal(part.read(part_entry).image)
        assert joined.read(entry).entry == entry
        assert joined.fingerprint(entry) == part.fingerprint(part_entry)


def test_unlisted_cases_keep_their_fingerprints() -> None:
    phantom = open_dataset("phantom:domain=A,cases=1")
    joined = JoinedDataset([hospital("north", 0, labels=phantom.labels), phantom])
    assert [joined.fingerprint(entry) for entry in joined.unlisted] == [
        phantom.fingerprint(entry) for entry in phantom.unlisted
    ]


def test_datasets_that_cannot_be_told_apart_or_differ_in_labels_are_refused() -> None:
    with pytest.raises(RequestError, match="two or more"):
        JoinedDataset([hospital("north", 0)])
    with pytest.raises(RequestError, match="are named 'north'"):
        JoinedDataset([hospital("north", 0), hospital("north", 1)])
    with pytest.raises(RequestError, match="differ in their labels"):
        JoinedDataset([hospital("north", 0, labels={1: "lung"}), hospital("south", 1, labels={2: "lung"})])
