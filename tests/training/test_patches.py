"""The patches that an epoch shows."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

import robustq
from networks import noise, small
from robustq.data.in_memory import InMemoryDataset
from robustq.data.patches import pad_to_patch
from robustq.data.prepared_cases import PreparedCases
from robustq.dataset import Case, Entry
from robustq.training.augment import augment
from robustq.training.batches import Batches, items_of
from robustq.training.patches import CENTRED, patch_of


def case_of(image: Tensor, mask: Tensor, ignored: Tensor | None = None, name: str = "case") -> Case:
    limits = torch.tensor([[0.0, 1.0]]).double()
    spacing = (1.0,) * (image.ndim - 1)
    return Case(image, mask, limits, spacing, "px", Entry(name, name), ("a", "b")[: len(mask)], ignored=ignored)


def numbered(*size: int) -> Tensor:
    """An image whose values are the numbers of its voxels, from 1."""
    return torch.arange(1, torch.Size(size).numel() + 1).view(1, *size).float()


def drawn(case: Case, *patch: int, epochs: int) -> list[Case]:
    return [patch_of(case, patch, seed=3, epoch=epoch, augmented=False) for epoch in range(epochs)]


@pytest.mark.parametrize(("size", "patch"), [((9, 11), (4, 5)), ((9, 11), (9, 11)), ((5, 6, 7), (2, 6, 3))])
def test_a_patch_is_a_part_of_the_case_with_its_mask_and_ignored_voxels(
    size: tuple[int, ...], patch: tuple[int, ...]
) -> None:
    image = numbered(*size)
    case = case_of(image, image % 3 == 0, (image % 5 == 0)[0])
    corners = set()
    for part in drawn(case, *patch, epochs=40):
        first = tuple(index[0].item() for index in torch.where(image[0] == part.image.flatten()[0]))
        place = tuple(slice(start, start + length) for start, length in zip(first, patch, strict=True))
        assert part.image[0].equal(image[0][place])
        assert part.mask[0].equal(case.mask[0][place])
        assert part.ignored.equal(case.ignored[place])
        corners.add(first)
    possible = torch.tensor([extent - length + 1 for extent, length in zip(size, patch, strict=True)]).prod()
    assert len(corners) > min(10, possible - 1)


def test_the_share_of_patches_centred_on_labels_is_that_which_is_stated() -> None:
    mask = torch.zeros(2, 40, 40, dtype=torch.bool)
    mask[0, 20, 20] = True
    mask[1, 10:12, 30] = True
    case = case_of(numbered(40, 40), mask)
    centres = [part.image[0, 2, 2].item() - 1 for part in drawn(case, 5, 5, epochs=900)]
    one, other = (sum(mask[label].flatten()[int(centre)].item() for centre in centres) for label in (0, 1))
    assert (one + other) / 900 == pytest.approx(CENTRED, abs=0.05)
    assert one == pytest.approx(other, rel=0.25)  # each label equally often, whatever its size


def test_the_patch_of_a_voxel_at_the_border_lies_inside_the_case() -> None:
    mask = torch.zeros(1, 30, 30, dtype=torch.bool)
    mask[0, 29, 0] = True
    case = case_of(numbered(30, 30), mask)
    showing = [part for part in drawn(case, 6, 6, epochs=60) if part.mask.any()]
    assert len(showing) > 10
    assert all(part.mask[0, 5, 0] for part in showing)


def test_ignored_voxels_and_cases_without_labels_centre_no_patch() -> None:
    mask = torch.zeros(1, 30, 30, dtype=torch.bool)
    bare = drawn(case_of(numbered(30, 30), mask), 4, 4, epochs=30)
    ignored = torch.ones(30, 30, dtype=torch.bool)
    left_out = drawn(case_of(numbered(30, 30), ~mask, ignored), 4, 4, epochs=30)
    assert len({part.image[0, 0, 0].item() for part in bare}) > 20
    assert all(one.image.equal(other.image) for one, other in zip(bare, left_out, strict=True))


def test_a_smaller_case_is_padded_with_zeros_and_background() -> None:
    image = numbered(3, 9)
    case = case_of(image, image > 0, (image > 20)[0])
    for part in drawn(case, 6, 4, epochs=5):
        assert part.image.shape == (1, 6, 4)
        assert part.image[0, 1:4].all()
        assert not part.image[0, [0, 4, 5]].any()
        assert part.mask.equal(part.image > 0)
        assert not part.ignored[[0, 4, 5]].any()
    assert pad_to_patch(image, (6, 4)).equal(torch.nn.functional.pad(image, (0, 0, 1, 2)))


def test_a_patch_is_cut_from_the_case_that_was_turned_and_not_turned_itself() -> None:
    image = noise(1, 12, 12)
    case = case_of(image, image > 1)
    found = patch_of(case, (6, 6), seed=3, epoch=2, augmented=True)
    corner = patch_of(case_of(numbered(12, 12), case.mask), (6, 6), seed=3, epoch=2, augmented=False).image[0, 0, 0]
    row, column = divmod(int(corner) - 1, 12)
    whole = augment(case, seed=3, epoch=2)  # twice the patch is the whole case
    assert found.image.equal(whole.image[:, row : row + 6, column : column + 6])
    assert found.mask.equal(whole.mask[:, row : row + 6, column : column + 6])
    large = case_of(noise(1, 60, 60), noise(1, 60, 60) > 1)
    assert patch_of(large, (6, 6), seed=3, epoch=2, augmented=True).image.shape == (1, 6, 6)


def test_cases_of_unequal_shapes_share_a_batch_and_an_epoch_is_always_the_same() -> None:
    pairs = [(noise(12 + place, 10).numpy(), (noise(12 + place, 10) > 1).int().numpy()) for place in range(4)]
    cases = PreparedCases(InMemoryDataset(pairs), robustq.Preparation(patch=(8, 8)))
    for augmented in (False, True):
        made = Batches(cases, items_of(cases, cases.dataset.entries), 4, seed=1, augmented=augmented)
        (first,), (other,), (again,) = (list(made.of_epoch(epoch)) for epoch in (1, 2, 1))
        assert first.images.shape == (4, 1, 8, 8)
        assert first.images.equal(again.images)
        assert first.truth.equal(again.truth)
        assert not first.images.sort(0).values.equal(other.images.sort(0).values)


def test_slices_of_volumes_give_patches() -> None:
    pairs = [(noise(9, 10, 3).numpy(), (noise(9, 10, 3) > 1).int().numpy())]
    cases = PreparedCases(InMemoryDataset(pairs), robustq.Preparation(patch=(4, 6)))
    made = Batches(cases, items_of(cases, cases.dataset.entries), 3, seed=1, augmented=False)
    assert [batch.images.shape for batch in made.of_epoch(1)] == [(3, 1, 4, 6)]


def test_a_training_on_patches_ends_with_a_model_that_answers_by_windows(tmp_path: Path) -> None:
    pairs = [(noise(11 + place, 10, 9).numpy(), (noise(11 + place, 10, 9) > 1).int().numpy()) for place in range(4)]
    model = small("8x4", dims=3, preparation=robustq.Preparation(dims=3, patch=(8, 8, 8)))
    recipe = robustq.Recipe(epochs=2, batch_size=2, validation=0.25)
    trained = robustq.train(model, pairs, tmp_path / "a.safetensors", recipe)
    again = robustq.load(tmp_path / "a.safetensors")
    assert again.spec.preparation == replace(model.spec.preparation, patch=(8, 8, 8))
    assert trained.spec.training is not None
    run = robustq.stress({"m": again}, pairs, levels=[20], draws=1)
    assert set(run.to_frame()["level"]) == {0, 20}
