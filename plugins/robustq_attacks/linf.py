"""The norm `linf`: the largest change of any value."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.draws.intensity import per_channel
from robustq.shapes import Image
from robustq_attacks.norm import AbstractNorm


@dataclass(frozen=True)
class LInfinity(AbstractNorm):
    """|δ| ≤ s·(high - low) for every value."""

    name: ClassVar[str] = "linf"

    def radius(self, level: float, size: int) -> float:
        """The radius s."""
        return level / 100

    def steepest(self, gradient: Image) -> Image:
        """The gradient's signs."""
        return gradient.sign()

    def project(self, change: Image, radius: float) -> Image:
        """The change, each value clamped to ±radius."""
        return change.clamp(-radius, radius)

    def start(self, shape: torch.Size, radius: float, generator: torch.Generator) -> Image:
        """Independent values, uniform in ±radius."""
        return radius * (2 * torch.rand(shape, generator=generator, device=generator.device) - 1)

    def parameters(self, share: Float[Tensor, "c"]) -> dict[str, float | list[float]]:
        """`epsilon`, the largest change of a value, in the image's unit."""
        return {"epsilon": per_channel(share)}
