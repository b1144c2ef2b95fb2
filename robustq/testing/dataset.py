"""A check that a dataset keeps its contract, for the tests of any project."""

from robustq.dataset import AbstractDataset


def check_dataset(dataset: AbstractDataset) -> None:
    """Check what `AbstractDataset` promises, on its first and its last case.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(dataset).__name__
    ids = [entry.id for entry in dataset.entries]
    assert ids, f"{name} has no case"
    assert ids == sorted(set(ids)), f"{name}: ids are not sorted and unique"
    assert len({dataset.fingerprint(entry) for entry in dataset.entries}) == len(ids), f"{name}: fingerprints repeat"
    for entry in (dataset.entries[0], dataset.entries[-1]):
        case, repeated = dataset.read(entry), dataset.read(entry)
        assert case.image.equal(repeated.image), f"{name}: reading {entry.id} twice gives different images"
        if case.mask is None or repeated.mask is None:
            assert case.mask is repeated.mask, f"{name}: reading {entry.id} twice gives a mask only once"
        else:
            assert case.mask.equal(repeated.mask), f"{name}: reading {entry.id} twice gives different masks"
            assert case.mask.shape == case.image.shape[1:], f"{name}: image and mask of {entry.id} differ in shape"
        assert case.image.is_floating_point(), (
            f"{name}: the image of {entry.id} is {case.image.dtype}, not floating point"
        )
        assert case.intensity_range.shape == (len(case.image), 2), (
            f"{name}: {entry.id} does not have one range per channel"
        )
        assert len(case.spacing) == case.dims, f"{name}: {entry.id} does not have one spacing per axis"
        assert case.entry == entry, f"{name}: the entry of the case is {case.entry}, not {entry}"
