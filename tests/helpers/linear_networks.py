"""Linear networks, whose best attack is known, and cases for them."""

from dataclasses import replace

import torch
from torch import Tensor, nn

import robustq
from networks import noise
from robustq.dataset import Case, Entry
from robustq.model.segmenter import Segmenter


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def case_of(image: Tensor, mask: Tensor, limits: object = (0.0, 4.0), **settings: object) -> Case:
    span = torch.tensor(limits, dtype=torch.float64).expand(len(image), 2)
    sizes = (1.0,) * (image.ndim - 1)
    return Case(image, mask, span, sizes, "px", Entry("case", "case"), ("label",), **settings)


class Linear(nn.Module):
    """One convolution, named so that it can be cut."""

    def __init__(self, weight: Tensor, activation: nn.Module | None = None) -> None:
        super().__init__()
        classes, channels, *kernel = weight.shape
        kind = nn.Conv2d if len(kernel) == 2 else nn.Conv3d
        self.layer = kind(channels, classes, kernel, padding="same", bias=False)
        self.layer.weight.data.copy_(weight)
        self.activation = activation or nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        return self.activation(self.layer(images))


def linear(weight: Tensor, answer: str = "softmax", activation: nn.Module | None = None) -> Segmenter:
    """A linear network in which nothing is quantised."""
    network = Linear(weight, activation)
    example = torch.zeros(1, weight.shape[1], *[8] * (weight.ndim - 2))
    shape = {"classes": len(weight), "in_channels": weight.shape[1], "dims": weight.ndim - 2}
    return robustq.wrap(network, "none", at="layer", answer=answer, example=example, **shape).eval()


def one_voxel(channels: int = 2) -> tuple[Case, Tensor, Segmenter]:
    """A case of which a single voxel counts, the gradient's direction at every image, and the linear network."""
    kernel = noise(1, channels, 3, 3, seed=4)
    mask = torch.zeros(1, 7, 6, dtype=torch.bool)
    counted = torch.zeros(7, 6, dtype=torch.bool)
    counted[3, 2] = True
    direction = torch.zeros(channels, 7, 6)
    direction[:, 2:5, 1:4] = kernel[0]  # the truth is background: the loss grows with the score
    limits = torch.tensor([[0.0, 4.0], [-1.0, 1.0]]).double()[:channels]
    case = replace(case_of(noise(channels, 7, 6), mask, ignored=~counted), intensity_range=limits)
    return case, direction, linear(kernel, "sigmoid")


class Less(nn.Module):
    """Takes 1 from every score."""

    def forward(self, scores: Tensor) -> Tensor:
        return scores - 1


def one_right_voxel(channels: int = 2) -> tuple[Case, Tensor, Segmenter]:
    """As `one_voxel`, with a network that stays right whatever an attack does: its scores are near -1."""
    case, direction, _ = one_voxel(channels)
    return case, direction, linear(1e-3 * direction[:, 2:5, 1:4][None], "sigmoid", activation=Less())
