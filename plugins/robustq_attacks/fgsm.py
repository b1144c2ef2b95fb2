"""The attack `fgsm`: the fast gradient sign method."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from robustq.attack import AbstractAttack
from robustq.dataset import Case
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image, IntensityRange
from robustq_attacks.gradient import loss_gradient
from robustq_attacks.norm import AbstractNorm, shares, span
from robustq_attacks.settings import DEFAULT, parse_norm, setting


@dataclass(frozen=True)
class FGSM(AbstractAttack):
    """Change the image in one step along the gradient (fast gradient sign method).

    The step goes from the image itself to the edge of the ball (Goodfellow et al., ICLR 2015, section 4).

    Attributes:
        norm: norm of the ball; `fgsm@l2` steps along the gradient instead of its signs.
    """

    norm: AbstractNorm = DEFAULT
    random: ClassVar[bool] = False

    @classmethod
    def parse(cls, setting: str) -> "FGSM":
        """Read `l2`, or nothing."""
        return cls(parse_norm(setting))

    @property
    def setting(self) -> str:
        """The norm if it is not the default: `l2`, or nothing."""
        return setting(self.norm)

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        """The image plus the steepest change of the ball's radius. `clip` has no effect on this single step."""
        extent = span(case)
        gradient = extent * loss_gradient(model, case, case.image)
        return case.image + extent * self.norm.radius(level, case.image.numel()) * self.norm.steepest(gradient)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Parameters of the ball."""
        return self.norm.parameters(shares(level, intensity_range))
