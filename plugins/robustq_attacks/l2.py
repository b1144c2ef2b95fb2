"""The norm `l2`: the Euclidean length of the change."""

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.draws.intensity import per_channel
from robustq.shapes import Image
from robustq_attacks.norm import AbstractNorm


@dataclass(frozen=True)
class L2(AbstractNorm):
    """|δ|₂ ≤ s·(high - low)·sqrt(C·|S|): a root mean square of s in shares, as gaussian noise has at the same level.

    One ball holds a whole volume, so an attack may spend all of the change on a few slices.
    """

    name: ClassVar[str] = "l2"

    def radius(self, level: float, size: int) -> float:
        """The radius s·sqrt(C·|S|)."""
        return level / 100 * sqrt(size)

    def steepest(self, gradient: Image) -> Image:
        """The gradient divided by its length."""
        length: Image = gradient.norm()
        return gradient / length.where(length > 0, 1)

    def project(self, change: Image, radius: float) -> Image:
        """The change, shortened to the radius if it is longer."""
        shortened: Image = change * (radius / change.norm()).clamp(max=1)
        return shortened

    def start(self, shape: torch.Size, radius: float, generator: torch.Generator) -> Image:
        """A uniform direction, times a length whose power C·|S| is uniform."""
        direction = torch.randn(shape, generator=generator, device=generator.device)
        share = torch.rand((), generator=generator, device=generator.device) ** (1 / direction.numel())
        start: Image = radius * share * direction / direction.norm()
        return start

    def parameters(self, share: Float[Tensor, "c"]) -> dict[str, float | list[float]]:
        """`rms`, the largest root mean square of the change over all channels together, in each channel's unit.

        If the other channels stay as they are, one of C channels may change by sqrt(C) times this value.
        """
        return {"rms": per_channel(share)}
