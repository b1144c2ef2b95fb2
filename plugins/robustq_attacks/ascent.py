"""Projected gradient ascent, which PGD and SegPGD share."""

from collections.abc import Callable

import torch

from robustq.dataset import Case
from robustq.segmenter import Segmenter
from robustq.shapes import Image
from robustq_attacks.gradient import Weigh, loss_gradient
from robustq_attacks.norm import AbstractNorm, span

STEP = 0.25
"""Length of a step in radii: Madry et al. attack CIFAR-10 at radius 8 in steps of 2 (ICLR 2018, section 5)."""


def ascend(
    case: Case,
    level: float,
    generator: torch.Generator,
    model: Segmenter,
    *,
    norm: AbstractNorm,
    steps: int,
    weigh: Callable[[int], Weigh],
) -> Image:
    """The image after so many steps of `STEP` radii up the loss, back into the ball after each.

    Args:
        case: prepared.
        level: percent, above 0.
        generator: the start is drawn from it, uniformly from the ball.
        model: what is attacked.
        norm: of the ball.
        steps: how many.
        weigh: from the number of the step, 1 for the first, to what each voxel weighs in it.
    """
    extent = span(case)
    radius = norm.radius(level, case.image.numel())
    # A channel without a range cannot be changed, and must not use up what the ball allows.
    change = norm.start(case.image.shape, radius, generator).to(case.image) * (extent > 0)
    for step in range(1, steps + 1):
        gradient = extent * loss_gradient(model, case, case.image + extent * change, weigh(step))
        change = norm.project(change + STEP * radius * norm.steepest(gradient), radius)
    return case.image + extent * change
