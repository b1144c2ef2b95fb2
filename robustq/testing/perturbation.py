"""A check that a perturbation keeps its contract, for the tests of any project."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from robustq.dataset import Case, own_range
from robustq.perturbation import AbstractPerturbation
from robustq.testing.draws import check_parameters, global_states
from robustq.testing.example_cases import example_case

DRAWS = 20
LEVELS = (5.0, 15.0, 40.0, 100.0)


def check_perturbation(perturbation: AbstractPerturbation) -> None:
    """Check what `AbstractPerturbation` promises, for several numbers of channels, in 2D and 3D, in several dtypes.

    For a perturbation that moves the truth, also check that image, masks and ignored voxels move in the same way.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(perturbation).__name__
    for channels, size in ((1, (23, 31)), (3, (17, 12)), (1, (9, 7, 11)), (2, (5, 6, 8))):
        for dtype in (torch.float16, torch.float32, torch.float64):
            _check_one(perturbation, name, _case(channels, size, dtype))
    for size in ((41, 38), (21, 24, 19)):
        _check_truth(perturbation, name, size)
    _check_rescaling(perturbation, name)
    _check_growth(perturbation, name)


def _case(channels: int, size: tuple[int, ...], dtype: torch.dtype) -> Case:
    """A case whose image has independent values, some of them below its declared range."""
    generator = torch.Generator().manual_seed(0)
    image = (4 + torch.rand(channels, *size, generator=generator, dtype=torch.float64) * 8).to(dtype)
    limits = own_range(image)
    limits[:, 0] += 0.5
    return example_case(image, image[:1] > 8, intensity_range=limits)


def _apply(perturbation: AbstractPerturbation, case: Case, level: float, seed: int = 0) -> Tensor:
    return perturbation(case, level, torch.Generator().manual_seed(seed)).image


def _check_one(perturbation: AbstractPerturbation, name: str, case: Case) -> None:
    what = f"{name} on {tuple(case.image.shape)} {case.image.dtype}"
    image = case.image.clone()
    assert perturbation(case, 0, torch.Generator().manual_seed(0)) is case, f"{what}: level 0 is not the case itself"
    states = global_states()
    perturbed, repeated, other_draw = (_apply(perturbation, case, 50, seed) for seed in (1, 1, 2))
    assert states == global_states(), f"{what}: random numbers were drawn from a global generator"
    assert case.image.equal(image), f"{what}: the given image has changed"
    assert perturbed.equal(repeated), f"{what}: equal generators give different results"
    assert not perturbed.equal(other_draw), f"{what}: different generators give equal results"
    assert perturbed.shape == image.shape, f"{what}: the result has the shape {tuple(perturbed.shape)}"
    assert perturbed.dtype == image.dtype, f"{what}: the result has the dtype {perturbed.dtype}"
    for level in (1e-3, 1.0, 100.0):
        assert _apply(perturbation, case, level).isfinite().all(), f"{what}: values are not finite at level {level:g}"
        check_parameters(perturbation.parameters(level, case.intensity_range), f"{what} at level {level:g}")


def _check_truth(perturbation: AbstractPerturbation, name: str, size: tuple[int, ...]) -> None:
    """Check that masks move as an image of these masks does; without `moves_truth` they must be the same objects."""
    places = torch.meshgrid(*(torch.linspace(-1, 1, extent) for extent in size), indexing="ij")
    ball = torch.stack([(place - 0.2) ** 2 for place in places]).sum(0) < 0.3
    masks = torch.stack([ball, places[0] + places[1] > 0.5])
    case = replace(_case(2, size, torch.float32), mask=masks, labels=("ball", "half"), ignored=ball)
    case = replace(case, image=masks.float(), intensity_range=own_range(masks.float()))
    cases = [perturbation(case, 100, torch.Generator().manual_seed(seed)) for seed in range(DRAWS)]
    moved = cases[0]
    if not perturbation.moves_truth:
        assert moved.mask is masks, f"{name} changes the mask and does not declare moves_truth"
        assert moved.ignored is ball, f"{name} changes the ignored voxels and does not declare moves_truth"
        return
    assert moved.mask is not None, f"{name} loses the mask"
    assert moved.ignored is not None, f"{name} loses the ignored voxels"
    assert moved.mask.dtype == torch.bool, f"{name}: moved masks are {moved.mask.dtype}, not bool"
    assert moved.mask.shape == masks.shape, f"{name}: moved masks have the shape {tuple(moved.mask.shape)}"
    assert not moved.mask.equal(masks), f"{name} declares moves_truth and leaves the mask where it was"
    assert moved.ignored.equal(moved.mask[0]), f"{name} moves equal masks and ignored voxels to different places"
    # The perturbation may also add noise, so single voxels show nothing.
    with_image = sum(_contrast(moved.image, moved.mask) for moved in cases)
    left_behind = sum(_contrast(moved.image, masks) for moved in cases)
    assert with_image > left_behind, (
        f"{name}: the mask before the move fits the moved image better than the moved mask does"
    )


def _contrast(image: Tensor, masks: Tensor | None) -> float:
    """How much brighter the channels are inside their masks than outside."""
    assert masks is not None
    return float(sum(values[mask].mean() - values[~mask].mean() for values, mask in zip(image, masks, strict=True)))


def _check_rescaling(perturbation: AbstractPerturbation, name: str) -> None:
    for channels, size in ((1, (40, 40)), (2, (9, 8, 11))):
        case = _case(channels, size, torch.float64)
        for scale, shift in ((7.0, 0.0), (0.01, -3.0), (250.0, 1000.0)):
            scaled = Case(
                scale * case.image + shift,
                case.mask,
                scale * case.intensity_range + shift,
                case.spacing,
                case.unit,
                case.entry,
                case.labels,
            )
            expected = scale * _apply(perturbation, case, 30) + shift
            close = torch.allclose(_apply(perturbation, scaled, 30), expected, rtol=1e-9, atol=1e-9 * scale)
            assert close, f"{name}: {scale:g}·x + {shift:g} is not perturbed to {scale:g}·(perturbed x) + {shift:g}"


def _check_growth(perturbation: AbstractPerturbation, name: str) -> None:
    case = _case(1, (100, 100), torch.float64)
    means = [
        np.mean([(_apply(perturbation, case, level, seed) - case.image).abs().mean().item() for seed in range(DRAWS)])
        for level in LEVELS
    ]
    assert all(np.diff([0.0, *means]) > 0), (
        f"{name}: mean distortion at levels {LEVELS} is {means}, which does not grow"
    )
