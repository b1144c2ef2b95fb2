"""A check that an attack keeps its contract, for the tests of any project."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from robustq.attack import AbstractAttack
from robustq.dataset import Case
from robustq.model.segmenter import Segmenter
from robustq.model.wrap import wrap
from robustq.testing.draws import check_parameters, global_states
from robustq.testing.example_cases import example_case

LEVEL = 10.0


def check_attack(attack: AbstractAttack) -> None:
    """Check what `AbstractAttack` promises, on models with and without a codebook, on images, volumes and slices.

    Raises:
        AssertionError: a promise is broken; the message says which.
    """
    name = type(attack).__name__
    settings: tuple[tuple[str, int, tuple[int, ...]], ...] = (
        ("none", 2, (12, 10)),
        ("8x4", 2, (12, 10)),
        ("8x4", 2, (6, 8, 5)),
        ("8x4", 3, (8, 6, 7)),
    )
    for quantise, dims, size in settings:
        model = wrap("unet", quantise, dims=dims, in_channels=2, width=4, scales=2, groups=2, seed=0)
        case = _case(size, slice_axis=2 if len(size) > dims else None)
        _check_one(attack, f"{name} on {quantise}, {dims}D, {size}", model, case)
    assert type(attack).parse(attack.setting) == attack, f"{name}: parse(setting) does not give an equal attack"


def _case(size: tuple[int, ...], slice_axis: int | None) -> Case:
    """A case of two channels of independent values, the second with a wider range; voxels at one border are ignored."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, *size, generator=generator) * torch.tensor([1.0, 7.0]).view(2, *[1] * len(size))
    ignored = torch.zeros(size, dtype=torch.bool)
    ignored[0] = True
    return example_case(image, image[:1] > 0.5, ignored=ignored, slice_axis=slice_axis)


def _attacked(attack: AbstractAttack, case: Case, model: Segmenter, level: float = LEVEL, seed: int = 0) -> Tensor:
    result = attack(case, level, torch.Generator().manual_seed(seed), model)
    assert result.mask is case.mask, f"{type(attack).__name__} moves the truth"
    return result.image


def _check_one(attack: AbstractAttack, what: str, model: Segmenter, case: Case) -> None:
    image, weights = case.image.clone(), {key: value.clone() for key, value in model.state_dict().items()}
    gradient_before = torch.ones_like(next(model.parameters()))
    next(model.parameters()).grad = gradient_before.clone()
    states = global_states()
    assert attack(case, 0, torch.Generator(), model) is case, f"{what}: level 0 is not the case itself"
    model.train()
    attacked, repeated, other_draw = (_attacked(attack, case, model, seed=seed) for seed in (1, 1, 2))
    assert all(module.training for module in model.modules()), f"{what}: the model is no longer in training mode"
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert attacked.equal(_attacked(attack, case, model.eval(), seed=1)), (
            f"{what}: the result differs for a model in evaluation mode, under no_grad and autocast"
        )
    assert states == global_states(), f"{what}: random numbers were drawn from a global generator"
    gradients = [parameter.grad for parameter in model.parameters()]
    assert gradients[0] is not None, f"{what}: a gradient of the weights was removed"
    assert gradients[0].equal(gradient_before), f"{what}: a gradient of the weights has changed"
    assert all(gradient is None for gradient in gradients[1:]), f"{what}: weights without a gradient have one now"
    assert all(value.equal(weights[key]) for key, value in model.state_dict().items()), f"{what}: the model has changed"
    assert case.image.equal(image), f"{what}: the given image has changed"
    assert attacked.equal(repeated), f"{what}: equal generators give different results"
    assert attacked.equal(other_draw) != attack.random, f"{what}: random is {attack.random}, which two draws contradict"
    assert not attacked.equal(image), f"{what}: the attack changes nothing"
    assert attacked.shape == image.shape, f"{what}: the result has the shape {tuple(attacked.shape)}"
    assert attacked.dtype == image.dtype, f"{what}: the result has the dtype {attacked.dtype}"
    assert not attacked.requires_grad, f"{what}: the result carries a graph"
    assert case.mask is not None
    assert case.ignored is not None
    other_truth = replace(case, mask=case.mask ^ case.ignored)
    assert attacked.equal(_attacked(attack, other_truth, model, seed=1)), (
        f"{what}: the mask at ignored voxels changes the result"
    )
    _check_levels(attack, what, model, case)


def _check_levels(attack: AbstractAttack, what: str, model: Segmenter, case: Case) -> None:
    lengths = []
    for level in (1e-3, 1.0, 100.0):
        at = f"{what} at level {level:g}"
        parameters = attack.parameters(level, case.intensity_range)
        check_parameters(parameters, at)
        clipped = attack(case, level, torch.Generator().manual_seed(0), model, clip=True).image
        assert clipped.isfinite().all(), f"{at}: values are not finite where the result will be clipped"
        change = _attacked(attack, case, model, level).double() - case.image
        assert change.isfinite().all(), f"{at}: values are not finite"
        _check_radius(change, parameters, case, at)
        lengths.append(float(change.norm()))
    assert lengths == sorted(set(lengths)), f"{what}: the change does not grow with the level"


def _check_radius(change: Tensor, parameters: Mapping[str, float | list[float]], case: Case, at: str) -> None:
    """The change is no larger than `epsilon` or `rms`, whichever the parameters name."""
    shape = (-1, *[1] * case.dims)
    rounding = 1e-6 * case.intensity_range.diff(dim=1).view(shape)
    for name in ("epsilon", "rms"):
        if name in parameters:
            radius = torch.as_tensor(parameters[name], dtype=torch.float64).view(shape)
            shares = (change.abs() - rounding).clamp_min(0) / radius
            size = shares.max() if name == "epsilon" else shares.square().mean().sqrt()
            assert size <= 1 + 1e-4, f"{at}: the change is {size:.3g} times as large as its {name} says"
