"""The attack `apgd`: gradient ascent that chooses its step sizes by itself."""

from dataclasses import dataclass
from typing import NamedTuple

import torch

from robustq.attack import AbstractAttack
from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image, IntensityRange
from robustq_attacks.ascent import room
from robustq_attacks.gradient import slope
from robustq_attacks.judge import Judge
from robustq_attacks.losses import LOSSES
from robustq_attacks.norm import AbstractNorm, shares, span
from robustq_attacks.settings import DEFAULT, NORMS, setting
from robustq_attacks.step_size import StepSize

STEPS = 100
STEP = 2.0
"""Length of the first step in radii."""

DIRECT = 0.75
"""Weight of the gradient step; the rest of a step goes on in the direction of the step before."""

LOSS = "ce"


class _Point(NamedTuple):
    """A change of the image in shares of the range, and what the model's answer there says."""

    change: Image
    gradient: Image
    loss: float
    dice: float


@dataclass(frozen=True)
class APGD(AbstractAttack):
    """Change the image along the gradient, in steps that adapt to how the loss rises (Auto-PGD).

    The first step is as long as the ball is wide. At fixed checkpoints it is halved where the loss no longer rises as
    it should, and the attack goes on from the image with the largest loss (Croce and Hein, ICML 2020, algorithm 1).

    The losses are those of Croce et al. for segmentation (ECCV 2024, section 2): `ce`, the cross-entropy; `masked`, the
    cross-entropy of the voxels that are still right; `js`, the Jensen-Shannon divergence. As in their code, steps are
    judged by the cross-entropy, whichever loss gives the direction. They return, of all images on the way, the one with
    the fewest right voxels; here it is the one with the lowest mean Dice, because Dice is what is reported.

    Attributes:
        norm: norm of the ball.
        loss: `ce`, `masked` or `js`.
        steps: number of steps; `apgd@js` follows another loss, `apgd@l2-js-40` takes 40 steps in L2 with it.
    """

    norm: AbstractNorm = DEFAULT
    loss: str = LOSS
    steps: int = STEPS

    @classmethod
    def parse(cls, setting: str) -> "APGD":
        """Read norm, loss and steps, in this order, such as `js`, `l2-40` or `l2-js-40`; or nothing."""
        words = setting.split("-") if setting else []
        norm = NORMS[words.pop(0)] if words and words[0] in NORMS else DEFAULT
        loss = words.pop(0) if words and words[0] in LOSSES else LOSS
        steps = int(words.pop(0)) if words and words[0].isdecimal() and int(words[0]) > 0 else STEPS
        if words:
            raise RequestError(
                f"{setting!r} is not a norm, a loss ({', '.join(LOSSES)}) and a number of steps: give l2, js, 40 or "
                "l2-js-40 after the @"
            )
        return cls(norm, loss, steps)

    @property
    def setting(self) -> str:
        """Norm, loss and steps where they are not the default: `l2-js-40`, or nothing."""
        words = [self.loss] * (self.loss != LOSS) + [str(self.steps)] * (self.steps != STEPS)
        return setting(self.norm, "-".join(words))

    @property
    def passes(self) -> int:
        """One pass for the start and for each step."""
        return 1 + self.steps

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        """The image with the lowest mean Dice on the way; the last one where the truth shows no label."""
        extent = span(case)
        radius = self.norm.radius(level, case.image.numel())
        judge, loss = Judge.of(case, model.spec.answer), LOSSES[self.loss]
        down, up = room(case, extent) if clip else (None, None)

        def inside(change: Image) -> Image:
            projected = self.norm.project(change, radius)
            return projected.clamp(down, up) if clip else projected

        def look(change: Image) -> _Point:
            gradient, scores = slope(model, case, case.image + extent * change, loss)
            return _Point(change, extent * gradient, float(judge.cross_entropies(scores).sum()), judge.dice(scores))

        start = self.norm.start(case.image.shape, radius, generator).to(case.image)
        # A channel without a range cannot change, and must not use up a part of the ball.
        point = before = highest = worst = look(inside(start * (extent > 0)))
        step_size = StepSize(STEP * radius, self.steps, point.loss)
        for step in range(1, self.steps + 1):
            change = inside(point.change + step_size.size * self.norm.steepest(point.gradient))
            if step > 1:
                direct, onward = change - point.change, point.change - before.change
                change = inside(point.change + DIRECT * direct + (1 - DIRECT) * onward)
            before, point = point, look(change)
            highest = max(highest, point, key=lambda reached: reached.loss)
            worst = worst if point.dice > worst.dice else point
            if step_size.halves_after(step, point.loss > before.loss, highest.loss):
                point = highest
        return case.image + extent * worst.change

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Parameters of the ball; `steps`, and the first `step` in radii."""
        ball = self.norm.parameters(shares(level, intensity_range))
        return {**ball, "steps": float(self.steps), "step": STEP}
