"""The attack `pgd`: projected gradient descent, the usual name of this ascent on the loss."""

from dataclasses import dataclass

import torch

from robustq.attack import AbstractAttack
from robustq.dataset import Case
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image, IntensityRange
from robustq_attacks.ascent import Ascent


@dataclass(frozen=True)
class PGD(AbstractAttack):
    """Change the image in many small steps along the gradient (projected gradient descent).

    The steps go up the cross-entropy, from a random start in the ball (Madry et al., ICLR 2018, sections 2.1 and 5).

    Attributes:
        ascent: norm and steps; `pgd@40` takes 40 steps, `pgd@l2-40` takes 40 steps in L2.
    """

    ascent: Ascent = Ascent()  # noqa: RUF009 - frozen

    @classmethod
    def parse(cls, setting: str) -> "PGD":
        """Read `l2`, `40`, `l2-40`, or nothing."""
        return cls(Ascent.parse(setting))

    @property
    def setting(self) -> str:
        """Norm and steps where they are not the default: `l2`, `40`, `l2-40`, or nothing."""
        return self.ascent.setting

    @property
    def passes(self) -> int:
        """One pass for each step."""
        return self.ascent.steps

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        """The image after the last step."""
        return self.ascent(case, level, generator, model, clip=clip)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Parameters of the ball; `steps`, and `step` in radii."""
        return self.ascent.parameters(level, intensity_range)
