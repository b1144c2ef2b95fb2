"""How far an attack goes: the contract of a norm, and what all norms share."""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.dataset import Case
from robustq.shapes import Image, IntensityRange


class AbstractNorm(ABC):
    """A ball around the image, in shares of each channel's intensity range: δ / (high - low), shape (C, *S)."""

    name: ClassVar[str]
    """As it stands after an @."""

    @abstractmethod
    def radius(self, level: float, size: int) -> float:
        """Of the ball at a level, in percent, around an image of `size` values."""

    @abstractmethod
    def steepest(self, gradient: Image) -> Image:
        """The change of norm 1 that the gradient's linear function grows most along; 0 where the gradient is."""

    @abstractmethod
    def project(self, change: Image, radius: float) -> Image:
        """The nearest change in the ball."""

    @abstractmethod
    def start(self, shape: torch.Size, radius: float, generator: torch.Generator) -> Image:
        """A change drawn uniformly from the ball, float32, on the generator's device."""

    @abstractmethod
    def parameters(self, share: Float[Tensor, "c"]) -> dict[str, float | list[float]]:
        """What the rows say of the ball, given s·(high - low) of each channel."""


def span(case: Case) -> Float[Tensor, "c *o"]:
    """high - low of each channel, shaped to broadcast against the image."""
    return case.intensity_range.diff(dim=1).to(case.image).view(-1, *[1] * case.dims)


def shares(level: float, intensity_range: IntensityRange) -> Float[Tensor, "c"]:
    """s·(high - low) of each channel, in the image's unit."""
    return level / 100 * intensity_range.diff(dim=1).squeeze(1)
