"""Masks on another grid lie where they lay before."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from robustq.data.nearest_voxels import nearest
from robustq.data.preparation import Preparation
from robustq.dataset import Case, Entry, own_range

LABELS = ((1, "a"), (2, "b"), (5, "c"))


def centre(mask: np.ndarray, spacing: tuple[float, ...]) -> np.ndarray:
    """The centre of mass, measured from the middle of the image."""
    inside = np.argwhere(mask) + 0.5 - np.array(mask.shape) / 2
    return inside.mean(0) * spacing


def blobs(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """One ellipsoid for each label, in a layer of its own along the first axis."""
    generator = np.random.default_rng(seed)
    mask = np.zeros(shape, np.int32)
    layer = shape[0] / len(LABELS)
    for place, (value, _) in enumerate(LABELS):
        radii = generator.uniform(0.25, 0.33, len(shape)) * [layer, *shape[1:]]
        middle = np.array([(place + 0.5) * layer, *np.array(shape[1:]) / 2]) + generator.uniform(-3, 3, len(shape))
        points = np.indices(shape).T.reshape(-1, len(shape)) + 0.5
        inside = (((points - middle) / radii) ** 2).sum(1) < 1
        mask[tuple(points[inside].astype(int).T)] = value
    return mask


def prepared(mask: np.ndarray, **settings: object) -> Case:
    image = torch.from_numpy(mask).float()[None]
    case = Case(image, torch.from_numpy(mask), own_range(image), (1.0,) * mask.ndim, "mm", Entry("a", "a"))
    return Preparation(dims=mask.ndim, labels=LABELS, **settings)(case)


FACTORS = [
    0.5,
    4 / 3,
    2,
    3,
    *(pytest.param(factor, marks=pytest.mark.long) for factor in (0.4, 2 / 3, 0.75, 1.2, 1.5, 2.5, 4)),
]
"""`make test-long` tries them all."""


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("shape", [(96, 72), pytest.param((60, 48, 48), marks=pytest.mark.long)])
def test_the_centre_of_a_resampled_mask_is_within_a_twentieth_of_a_voxel(shape: tuple[int, ...], factor: float) -> None:
    shifts = []
    for seed in range(30 if len(shape) == 2 else 12):
        mask = blobs(shape, seed)
        case = prepared(mask, spacing=(factor,) * len(shape))
        shifts.append(
            [
                centre(made.numpy(), case.spacing) - centre(mask == value, (1.0,) * len(shape))
                for made, (value, _) in zip(case.mask, LABELS, strict=True)
            ]
        )
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.05 * max(1, factor)


@pytest.mark.parametrize("factor", [2, 4])
def test_boxes_of_every_place_and_width_are_not_shifted_on_average(factor: int) -> None:
    shifts = []
    for start in range(16, 16 + 2 * factor):
        for width in range(5 * factor, 7 * factor):
            mask = np.zeros((64, 64), np.int32)
            mask[start : start + width, 20:45] = 1
            made = prepared(mask, size=(64 // factor, 64 // factor))
            shifts.append((centre(made.mask[0].numpy(), made.spacing) - centre(mask == 1, (1.0, 1.0)))[0])
    assert abs(np.mean(shifts)) < 0.05


def test_masks_that_share_no_voxel_share_none_afterwards_and_leave_no_gap() -> None:
    mask = np.random.default_rng(0).choice([1, 2, 5], (24, 20, 16)).astype(np.int32)
    made = prepared(mask, size=(12, 10, 8)).mask
    assert made.sum(0).equal(torch.ones(12, 10, 8, dtype=torch.int64))


def test_the_majority_of_equally_near_voxels_wins_and_a_draw_alternates() -> None:
    masks = torch.tensor([[[1, 1, 0, 0, 1, 0], [1, 0, 0, 1, 1, 0]]]).bool()
    middles = [np.array([0.5]), np.array([0.5, 2.5, 4.5])]
    assert nearest(masks, middles).tolist() == [[[True, False, True]]]
    halves = torch.tensor([[[1, 0, 1, 0, 1, 0]]]).bool()
    assert nearest(halves, [np.array([0.0]), middles[1]]).tolist() == [[[True, False, True]]]


def test_where_one_voxel_is_nearest_it_is_taken_as_by_scipy() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        shape, wanted = generator.integers(3, 15, 3), generator.integers(3, 15, 3)
        masks = torch.from_numpy(generator.random((2, *shape)) < 0.5)
        # No position is halfway, and some lie outside of the grid.
        positions = [generator.uniform(-1, extent, count) for extent, count in zip(shape, wanted, strict=True)]
        grid = np.stack(np.meshgrid(*positions, indexing="ij"))
        expected = [map_coordinates(mask.numpy().astype(int), grid, order=0, mode="grid-constant") for mask in masks]
        assert np.array_equal(nearest(masks, positions), np.stack(expected))
