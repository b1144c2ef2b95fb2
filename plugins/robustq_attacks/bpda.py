"""The attack `bpda`: PGD with a soft gradient through the codebook."""

from dataclasses import dataclass

import torch

from robustq.dataset import Case
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image
from robustq_attacks.ascent_attack import AbstractAscentAttack
from robustq_attacks.soft import softened


@dataclass(frozen=True)
class BPDA(AbstractAscentAttack):
    """PGD with the gradient of a soft choice among the codes, for models with a codebook.

    In the backward pass, a soft assignment to the codes replaces the straight-through gradient. The attacked image is
    then given to the unchanged model.

    This is a backward pass differentiable approximation (Athalye et al., ICML 2018, section 4.1): if a layer gives no
    useful gradient, a similar function replaces it in the backward pass. With the straight-through gradient, a token
    seems free to move anywhere; with the soft assignment, it moves towards codes. For a model without codebook vectors,
    or with several stages, this attack is PGD.

    Attributes:
        ascent: norm and steps; `bpda@40` takes 40 steps, `bpda@l2-40` takes 40 steps in L2.
    """

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        """The image after the last step."""
        with softened(model):
            return self.ascent(case, level, generator, model, clip=clip)
