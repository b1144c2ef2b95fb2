"""The contract of a norm, which bounds how far an attack goes, and what all norms share."""

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
    """Name of the norm after the @, as in pgd@l2."""

    @abstractmethod
    def radius(self, level: float, size: int) -> float:
        """Largest allowed change (radius of the norm ball) at a level in percent, for an image of `size` values."""

    @abstractmethod
    def steepest(self, gradient: Image) -> Image:
        """The change of norm 1 that increases the linearised loss most; 0 if the gradient is 0."""

    @abstractmethod
    def project(self, change: Image, radius: float) -> Image:
        """The nearest change in the ball."""

    @abstractmethod
    def start(self, shape: torch.Size, radius: float, generator: torch.Generator) -> Image:
        """A change drawn uniformly from the ball, float32, on the generator's device."""

    @abstractmethod
    def parameters(self, share: Float[Tensor, "c"]) -> dict[str, float | list[float]]:
        """The parameters of the ball that the rows record, given s·(high - low) of each channel."""


def span(case: Case) -> Float[Tensor, "c *o"]:
    """The width high - low of each channel's range, shaped to broadcast against the image."""
    return case.intensity_range.diff(dim=1).to(case.image).view(-1, *[1] * case.dims)


def shares(level: float, intensity_range: IntensityRange) -> Float[Tensor, "c"]:
    """The product s·(high - low) of each channel, in the image's unit."""
    return level / 100 * intensity_range.diff(dim=1).squeeze(1)
