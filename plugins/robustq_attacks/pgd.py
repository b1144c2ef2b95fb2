"""The attack `pgd`: projected gradient descent, the usual name of this ascent on the loss."""

from dataclasses import dataclass

import torch

from robustq.dataset import Case
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image
from robustq_attacks.ascent_attack import AbstractAscentAttack


@dataclass(frozen=True)
class PGD(AbstractAscentAttack):
    """Change the image in many small steps along the gradient (projected gradient descent).

    The steps go up the cross-entropy, from a random start in the ball (Madry et al., ICLR 2018, sections 2.1 and 5).

    Attributes:
        ascent: norm and steps; `pgd@40` takes 40 steps, `pgd@l2-40` takes 40 steps in L2.
    """

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        """The image after the last step."""
        return self.ascent(case, level, generator, model, clip=clip)
