"""What a network given by hand shows of the images that it takes."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from robustq.errors import RequestError
from robustq.network.find_example import find_example


def extents(dims: int) -> tuple[int, ...]:
    return (8,) * dims


class Named(nn.Module):
    """Its first convolution by name comes late in the pass."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Conv2d(64, 2, 1)
        self.first = nn.Conv2d(3, 64, 1)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images))


class Patches(nn.Module):
    """It has no convolution, and takes RGB images alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.layer(images.movedim(1, -1)).movedim(-1, 1)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (nn.Conv2d(1, 2, 1), (1, 1, 8, 8)),
        (nn.Conv2d(3, 2, 1), (1, 3, 8, 8)),
        (nn.Conv2d(8, 2, 1, groups=2), (1, 8, 8, 8)),
        (nn.ConvTranspose2d(5, 2, 1), (1, 5, 8, 8)),
        (nn.Sequential(nn.Identity(), nn.Conv3d(4, 2, 1)), (1, 4, 8, 8, 8)),
        (torch.jit.script(nn.Sequential(nn.Conv2d(3, 2, 1))), (1, 3, 8, 8)),
        (nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 2, 1)), (1, 3, 8, 8)),
        (Named(), (1, 3, 8, 8)),
        (Patches(), (1, 3, 8, 8)),
        (nn.Identity(), (1, 1, 8, 8)),
    ],
)
def test_a_network_shows_what_images_it_takes(network: nn.Module, shape: tuple[int, ...]) -> None:
    assert find_example(network, extents, dims=None, in_channels=None).shape == shape


def test_what_is_said_is_taken() -> None:
    assert find_example(nn.Identity(), extents, dims=3, in_channels=2).shape == (1, 2, 8, 8, 8)
    with pytest.raises(RequestError, match="does not run on an input of 1 × 1 × 8 × 8"):
        find_example(nn.Conv2d(3, 2, 1), extents, dims=None, in_channels=1)


def test_what_cannot_be_found_is_asked_for() -> None:
    with pytest.raises(RequestError, match=r"none of 1 or 3 channels in 2D .*: give --dims, --in-channels and --size"):
        find_example(nn.Linear(5, 5), extents, dims=None, in_channels=None)
    with pytest.raises(RequestError, match="takes 3D images, and the size 8 × 8 was given: give 3 numbers"):
        find_example(nn.Conv3d(1, 2, 1), lambda dims: (8, 8), dims=None, in_channels=None)


def test_a_lazy_layer_is_not_filled_by_the_search() -> None:
    network = nn.Sequential(nn.LazyConv2d(4, 1), nn.Conv2d(4, 2, 1))
    with pytest.raises(RequestError, match=r"0\.weight of the network has no values yet"):
        find_example(network, extents, dims=None, in_channels=None)
    assert is_lazy(network[0].weight)
