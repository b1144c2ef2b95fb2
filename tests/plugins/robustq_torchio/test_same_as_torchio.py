"""The perturbations are what TorchIO 1.2 makes of the same numbers, whichever TorchIO is installed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torchio
from torch import Tensor

from robustq import registry
from robustq.dataset import own_range
from robustq.testing.example_cases import example_case
from robustq_torchio.anisotropy import _thick
from robustq_torchio.bias_field import _field
from robustq_torchio.blur import _gaussian
from robustq_torchio.elastic import _places as elastic_places
from robustq_torchio.kspace import filter_matrix, filtered
from robustq_torchio.motion import _filters
from robustq_torchio.sampling import affine_positions, linear, nearest, rotation
from robustq_torchio.spike import _stripes

earlier = pytest.mark.skipif(not hasattr(torchio, "RandomAffine"), reason="TorchIO 2 takes no parameters")
SIZES = [(1, 9, 7, 11), (2, 12, 8, 6), (1, 21, 17, 1)]


def volume(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def by_torchio(image: Tensor, transform: Any) -> Tensor:
    subject = torchio.Subject(image=torchio.ScalarImage(tensor=image))
    result: Tensor = transform(subject)["image"].data
    return result


def close(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected.to(result), rtol=0, atol=1e-5)


@earlier
@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_a_bias_field_is_torchios(shape: tuple[int, ...], seed: int) -> None:
    coefficients = torch.rand(19, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 0.5
    field = by_torchio(torch.ones(1, *shape[1:]), torchio.BiasField([0.0, *coefficients.tolist()], order=3))
    close(_field(volume(shape), coefficients).exp(), field[0])


@earlier
@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("place", [(0.1, 0.7, 0.9), (0.5, 0.5, 0.0), (0.99, 0.0, 0.4)])
def test_a_spikes_stripes_are_torchios(shape: tuple[int, ...], place: tuple[float, ...]) -> None:
    spike = torchio.Spike(spikes_positions=np.array([place]), intensity=1.0)
    close(_stripes(volume(shape), list(place)), by_torchio(torch.ones(1, *shape[1:]), spike)[0] - 1)


@earlier
@pytest.mark.parametrize("shape", SIZES)
@pytest.mark.parametrize("ghosts", [2, 3, 5])
def test_ghosts_are_torchios(shape: tuple[int, ...], ghosts: int) -> None:
    image = volume(shape)
    for axis in (0, 1):
        planes = torch.ones(shape[1 + axis])
        planes[::ghosts] = 0.4
        planes[len(planes) // 2] = 1
        expected = by_torchio(image, torchio.Ghosting(num_ghosts=ghosts, axis=axis, intensity=0.6, restore=None))
        close(filtered(image, filter_matrix(planes), 1 + axis), expected)


@earlier
@pytest.mark.parametrize("deviation", [0.05, 0.4, 1.7, 4.0])
def test_a_blur_is_torchios(deviation: float) -> None:
    image = volume((2, 12, 8, 6))
    close(filtered(image, _gaussian(deviation, 12), 1), by_torchio(image, torchio.Blur(std=(deviation, 0, 0))))


@earlier
@pytest.mark.parametrize("times", [(0.2, 0.45, 0.8), (0.2, 0.55, 0.7)])
def test_motion_is_torchios(times: tuple[float, ...]) -> None:
    image = volume((1, 9, 7, 11)) - 0.5
    degrees, shifts = (20 * torch.rand(3, 3, dtype=torch.float64) - 10 for _ in range(2))
    motion = torchio.Motion(degrees.numpy(), shifts.numpy() / 8, np.array(times), image_interpolation="linear")
    mirror = torch.tensor([-1.0, -1.0, 1.0])
    moved = [
        linear(image, affine_positions(rotation(mirror * turn), mirror * shift / 8, image))
        for turn, shift in zip(degrees, shifts, strict=True)
    ]
    filters = _filters(torch.tensor(times, dtype=torch.float64), 11)
    result = sum(filtered(each, matrix, -1) for each, matrix in zip([image, *moved], filters, strict=True))
    close(torch.as_tensor(result), by_torchio(image, motion))


@earlier
@pytest.mark.parametrize("extent", [16, 23, 40])
@pytest.mark.parametrize("factor", [1.01, 1.53, 2.03, 3.7])  # at 2, two voxels are equally near
def test_thick_slices_are_torchios(extent: int, factor: float) -> None:
    image, margin = volume((1, extent, 4, 5)), int(np.ceil(factor))
    longer = image[:, torch.arange(-margin, extent + margin).clamp(0, extent - 1)]
    thick = torchio.RandomAnisotropy(axes=(0,), downsampling=(factor, factor))
    before, after, share = _thick(factor, extent)
    result = image[:, before].lerp(image[:, after], share[:, None, None])
    close(result, by_torchio(longer, thick)[:, margin : margin + extent])


@earlier
@pytest.mark.parametrize("shape", SIZES)
def test_linear_and_nearest_sampling_are_torchios(shape: tuple[int, ...]) -> None:
    image = volume(shape)
    masks = image > 0.5
    turn, scale = torch.tensor([0.0 if shape[3] == 1 else 25, 0.0, 40.0]).double(), torch.tensor([1.3, 0.8, 1.0])
    shift = torch.tensor([1.2, -2.3, 0.0])
    affine = torchio.Affine(scales=tuple(scale.tolist()), degrees=tuple(turn.tolist()), translation=tuple(shift))
    moved = affine(torchio.Subject(image=torchio.ScalarImage(tensor=image), mask=torchio.LabelMap(tensor=masks.byte())))
    centre, back = (torch.tensor(shape[1:]).double() - 1) / 2, rotation(turn).T
    inverse = back / scale
    places = affine_positions(inverse, centre - inverse @ centre - back @ shift.double(), image)
    lowest = image.flatten(1).amin(1)
    close(linear(image, places), moved["image"].data)
    assert (linear(image, places).flatten(1).amin(1) == lowest).all()
    assert nearest(masks, places).equal(moved["mask"].data > 0.5)


@earlier
def test_a_spline_bends_as_torchios() -> None:
    image = volume((1, 9, 12, 7))
    generator = torch.Generator().manual_seed(4)
    places = elastic_places(image, 100, generator)
    farthest = torch.tensor([0.1 * (extent - 1) for extent in (9, 12, 7)]).double()
    points = torch.zeros(7, 7, 7, 3, dtype=torch.float64)
    drawn = torch.rand(3, 3, 3, 3, generator=generator.manual_seed(4), dtype=torch.float64)
    points[2:5, 2:5, 2:5] = farthest * (2 * drawn - 1)
    expected = by_torchio(image, torchio.ElasticDeformation(points.numpy(), tuple(farthest.tolist())))
    close(linear(image, places), expected)


RECORDED: dict[str, list[float]] = {
    "bias-field": [0.145545, 0.249205, 0.535695, 0.969484, 0.952146],
    "gamma": [0.262935, 0.373089, 0.633406, 0.96745, 0.972851],
    "blur": [0.168519, 0.260319, 0.523643, 0.938035, 0.930508],
    "ghosting": [0.290734, 0.216646, 0.462439, 0.863748, 0.83211],
    "motion": [0.312269, 0.225448, 0.338209, 0.860407, 0.905418],
    "spike": [0.29949, -0.019958, 0.873978, 0.56009, 1.351421],
    "anisotropy": [0.167483, 0.311494, 0.49462, 0.865492, 0.91913],
    "affine": [0.451391, 0.531053, 0.738763, 0.679165, 0.398888],
    "elastic": [0.160706, 0.264736, 0.532313, 0.946041, 0.875622],
}
"""Five voxels of one draw of each perturbation, made with TorchIO 1.2.1 itself."""


@pytest.mark.parametrize("name", RECORDED)
def test_a_draw_is_what_it_was_with_torchio_1_2(name: str) -> None:
    assert drawn(registry.load("perturbations", name)) == pytest.approx(RECORDED[name], abs=1e-5)


def drawn(perturbation: Callable[[], Any]) -> list[float]:
    image = volume((1, 10, 9, 8), seed=1)
    case = example_case(image, image > 0.5, intensity_range=own_range(image))
    moved = perturbation()(case, 40, torch.Generator().manual_seed(2)).image
    return [round(value, 6) for value in moved[0, 3, 2:7, 4].tolist()]
