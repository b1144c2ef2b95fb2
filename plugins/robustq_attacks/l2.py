"""The Euclidean length of the change."""

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
    """|δ|₂ ≤ s·(high - low)·sqrt(C·|S|): a root mean square of s, as gaussian noise has at the same level.

    Of a volume the ball is the whole volume's, so that an attack may spend all of it on a few slices.
    """

    name: ClassVar[str] = "l2"

    def radius(self, level: float, size: int) -> float:
        """s·sqrt(C·|S|)."""
        return level / 100 * sqrt(size)

    def steepest(self, gradient: Image) -> Image:
        """The gradient by its length."""
        length: Image = gradient.norm()
        return gradient / length.where(length > 0, 1)

    def project(self, change: Image, radius: float) -> Image:
        """What is too long is shortened."""
        shortened: Image = change * (radius / change.norm()).clamp(max=1)
        return shortened

    def start(self, shape: torch.Size, radius: float, generator: torch.Generator) -> Image:
        """A direction uniform on the sphere, and a length whose power C·|S| is uniform."""
        direction = torch.randn(shape, generator=generator, device=generator.device)
        share = torch.rand((), generator=generator, device=generator.device) ** (1 / direction.numel())
        start: Image = radius * share * direction / direction.norm()
        return start

    def parameters(self, share: Float[Tensor, "c"]) -> dict[str, float | list[float]]:
        """`rms`, the largest root mean square of the change over all channels together, in each channel's unit.

        A single one of C channels may change by sqrt(C) times that, where the others stay as they are.
        """
        return {"rms": per_channel(share)}
