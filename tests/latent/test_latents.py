"""Tokens of a case and their first-order shifts, against the model itself and against full Jacobians."""

import pytest
import torch
from torch import Tensor

import robustq
from networks import noise, small, with_patch
from robustq.latent.latents import latent
from robustq.latent.tangents import tangents
from robustq.model.segmenter import Segmenter


def by_definition(model: Segmenter, images: Tensor) -> Tensor:
    """z_q as (N, P, D), from one plain forward pass."""
    with torch.no_grad():
        return model.run(images).quantised.flatten(2).transpose(1, 2)


@pytest.mark.parametrize("quantise", ["16x4", "identity:4", "none"])
@pytest.mark.parametrize("size", [(24, 20), (17, 23), (12, 8, 10)])
def test_tokens_are_those_of_a_forward_pass(quantise: str, size: tuple[int, ...]) -> None:
    model = small(quantise, dims=len(size))
    images = noise(5, 1, *size)
    found = latent(model, images, batch_size=2, axis=None)
    torch.testing.assert_close(found.quantised, by_definition(model, images))
    assert torch.tensor(found.grid).prod() == found.embedding.shape[1]
    if quantise == "16x4":
        assert found.codes is not None
        assert found.codes[..., 0].equal(model.run(images).codes.flatten(1))
    else:
        assert found.codes is None
        assert found.quantised.equal(found.embedding)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_tokens_of_a_volume_are_those_of_its_slices_in_order(axis: int) -> None:
    model = small()
    volumes = noise(2, 1, 12, 8, 10)
    found = latent(model, volumes, batch_size=3, axis=axis)
    assert found.grid[0] == volumes.shape[2 + axis]
    for place in range(2):
        slices = volumes[place].movedim(axis + 1, 0)
        expected = by_definition(model, slices).flatten(0, 1)
        torch.testing.assert_close(found.quantised[place], expected)


@pytest.mark.parametrize("quantise", ["16x4", "none"])
def test_tokens_of_a_model_with_a_patch_are_those_of_its_windows(quantise: str) -> None:
    model = with_patch(small(quantise), 8, 6)
    images = noise(2, 1, 12, 9)
    found = latent(model, images, batch_size=4, axis=None)
    assert found.grid == (2 * 2, 4, 3)
    for image, tokens in zip(images, found.quantised, strict=True):
        parts = torch.stack([image[:, row : row + 8, column : column + 6] for row in (0, 4) for column in (0, 3)])
        torch.testing.assert_close(tokens, by_definition(model, parts).flatten(0, 1))
    volume = noise(1, 1, 12, 9, 3)
    sliced = latent(model, volume, batch_size=4, axis=2, output=True)
    assert sliced.grid == (3, 2 * 2, 4, 3)
    assert sliced.output.shape == (1, 1, 12, 9, 3)
    for place, tokens in enumerate(sliced.quantised[0].chunk(3)):
        torch.testing.assert_close(tokens, latent(model, volume[..., place], batch_size=4, axis=None).quantised[0])


def test_the_decoder_is_not_run() -> None:
    model = small()
    model.network.head.register_forward_hook(lambda *arguments: pytest.fail("the decoder ran"))
    latent(model, noise(1, 1, 16, 16), batch_size=1, axis=None)


@pytest.mark.parametrize("quantise", ["16x4", "none"])
@pytest.mark.parametrize("size", [(8, 11), (8, 6, 7)])
def test_tangents_equal_the_full_jacobian_in_float64(quantise: str, size: tuple[int, ...]) -> None:
    model = small(quantise, dims=len(size)).double()
    image, directions = noise(1, *size).double(), noise(3, 1, *size, seed=1).double()
    jacobian = torch.autograd.functional.jacobian(model.encode, image[None])  # (1, D, *T, 1, 1, *S)
    full = jacobian.flatten(-len(size) - 2).squeeze(0)  # (D, *T, S)
    expected = torch.stack([(full @ direction.flatten()).flatten(1).T for direction in directions])
    found = tangents(model, image, directions, axis=None)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


def test_tangents_of_a_volume_are_those_of_its_slices() -> None:
    model = small().double()
    image, directions = noise(1, 8, 6, 7).double(), noise(2, 1, 8, 6, 7, seed=1).double()
    found = tangents(model, image, directions, axis=2)
    one = tangents(model, image[..., 3], directions[..., 3], axis=None)
    torch.testing.assert_close(found.unflatten(1, (7, -1))[:, 3], one, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("axis", [None, 2])
def test_tangents_of_a_model_with_a_patch_are_those_of_its_windows(axis: int | None) -> None:
    model = small().double()
    image, directions = noise(1, 12, 9, 3).double(), noise(3, 1, 12, 9, 3, seed=1).double()
    if axis is None:
        image, directions = image[..., 1], directions[..., 1]
    expected = []
    for place in range(3) if axis is not None else (None,):
        one, others = (image, directions) if place is None else (image[..., place], directions[..., place])
        for row in (0, 4):
            for column in (0, 3):
                part = (..., slice(row, row + 8), slice(column, column + 6))
                expected.append(tangents(model, one[part], others[part], axis=None))
    found = tangents(with_patch(model, 8, 6), image, directions, axis=axis)
    torch.testing.assert_close(found, torch.cat(expected, 1), rtol=1e-10, atol=1e-12)


def test_tangents_leave_no_graph_and_no_gradient() -> None:
    model = small()
    found = tangents(model, noise(1, 16, 16), noise(2, 1, 16, 16, seed=1), axis=None)
    assert not found.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_network_of_a_stranger_has_tangents_too() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3, stride=2, padding=1), torch.nn.ConvTranspose2d(4, 2, 2, 2))
    model = robustq.wrap(network, "8x3", at="0", example=noise(1, 1, 8, 8)).eval()
    image, direction = noise(1, 8, 8), noise(1, 1, 8, 8, seed=1)
    # A linear encoder: the first-order term is the whole change.
    change = model.encode(image[None] + direction) - model.encode(image[None])
    found = tangents(model, image, direction, axis=None)
    torch.testing.assert_close(found, change.flatten(2).transpose(1, 2), atol=1e-5, rtol=1e-5)
