"""Projected gradient descent, as the literature calls this ascent."""

from dataclasses import dataclass

import torch

from robustq.attack import AbstractAttack
from robustq.dataset import Case
from robustq.segmenter import Segmenter
from robustq.shapes import Image, IntensityRange
from robustq_attacks.ascent import STEP, ascend
from robustq_attacks.gradient import even
from robustq_attacks.norm import AbstractNorm, shares
from robustq_attacks.settings import DEFAULT, parse_norm_and_steps, setting

STEPS = 20


@dataclass(frozen=True)
class PGD(AbstractAttack):
    """Steps up the cross-entropy from a random start in the ball (Madry et al., ICLR 2018, sections 2.1 and 5).

    Attributes:
        norm: of the ball.
        steps: how many; `pgd@40` and `pgd@l2-40` take 40.
    """

    norm: AbstractNorm = DEFAULT
    steps: int = STEPS

    @classmethod
    def parse(cls, setting: str) -> "PGD":
        """`l2`, `40`, `l2-40`, or nothing."""
        return cls(*parse_norm_and_steps(setting, STEPS))

    @property
    def setting(self) -> str:
        """`l2`, `40`, `l2-40`, or nothing."""
        return setting(self.norm, "" if self.steps == STEPS else str(self.steps))

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter) -> Image:
        """The image after the last step."""
        return ascend(case, level, generator, model, norm=self.norm, steps=self.steps, weigh=lambda step: even)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Of the ball; `steps`, and `step` in radii."""
        ball = self.norm.parameters(shares(level, intensity_range))
        return {**ball, "steps": float(self.steps), "step": STEP}
