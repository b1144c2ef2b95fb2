"""Projected gradient ascent, which PGD, SegPGD and BPDA share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.dataset import Case
from robustq.draws.intensity import bounds
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image, IntensityRange
from robustq_attacks.gradient import loss_gradient
from robustq_attacks.losses import Loss, cross_entropy
from robustq_attacks.norm import AbstractNorm, shares, span
from robustq_attacks.settings import DEFAULT, parse_norm_and_steps, setting

STEPS = 20
STEP = 0.25
"""Length of a step in radii: Madry et al. attack CIFAR-10 with radius 8 and steps of 2 (ICLR 2018, section 5)."""


@dataclass(frozen=True)
class Ascent:
    """Gradient ascent on the loss, from a random start in the ball. Each step is `STEP` radii, then back into the ball.

    Attributes:
        norm: norm of the ball.
        steps: number of steps.
    """

    norm: AbstractNorm = DEFAULT
    steps: int = STEPS

    @classmethod
    def parse(cls, text: str) -> "Ascent":
        """Read `l2`, `40`, `l2-40`, or nothing.

        Raises:
            RequestError: the text is something else.
        """
        return cls(*parse_norm_and_steps(text, STEPS))

    @property
    def setting(self) -> str:
        """Norm and steps where they are not the default: `l2`, `40`, `l2-40`, or nothing."""
        return setting(self.norm, "" if self.steps == STEPS else str(self.steps))

    def __call__(
        self,
        case: Case,
        level: float,
        generator: torch.Generator,
        model: Segmenter,
        *,
        clip: bool,
        loss: Callable[[int], Loss] = lambda step: cross_entropy,
    ) -> Image:
        """The image after the last step.

        Args:
            case: the prepared case.
            level: level in percent, above 0.
            generator: generator that draws the start, uniformly from the ball.
            model: model that is attacked.
            clip: whether all values must stay in the intensity range.
            loss: function from the number of a step (1 for the first) to the loss that it increases.
        """
        extent = span(case)
        radius = self.norm.radius(level, case.image.numel())
        # A channel without a range cannot change, and must not use up a part of the ball.
        change = self.norm.start(case.image.shape, radius, generator).to(case.image) * (extent > 0)
        lowest, highest = room(case, extent) if clip else (None, None)
        for step in range(1, self.steps + 1):
            if clip:
                change = change.clamp(lowest, highest)
            gradient = extent * loss_gradient(model, case, case.image + extent * change, loss(step))
            change = self.norm.project(change + STEP * radius * self.norm.steepest(gradient), radius)
        return case.image + extent * change

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Parameters of the ball; `steps`, and `step` in radii."""
        ball = self.norm.parameters(shares(level, intensity_range))
        return {**ball, "steps": float(self.steps), "step": STEP}


def room(case: Case, extent: Float[Tensor, "c *o"]) -> tuple[Image, Image]:
    """How far each value may go down and up, in shares of its channel's range; nowhere without a range."""
    low, high = bounds(case.image, case.intensity_range)
    safe = extent.where(extent > 0, 1)
    return (low - case.image) / safe, (high - case.image) / safe
