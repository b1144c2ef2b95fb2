"""The attack `segpgd`: PGD with weights for right and wrong voxels."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.dataset import Case
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image
from robustq_attacks.ascent_attack import AbstractAscentAttack
from robustq_attacks.losses import Loss, Wrong


@dataclass(frozen=True)
class SegPGD(AbstractAscentAttack):
    """PGD for segmentation: first turn the voxels that are still right, then weigh all nearly alike.

    Step t of T gives rightly classified voxels the weight 1 - λ and wrongly classified voxels the weight λ, where
    λ = (t - 1) / 2T.

    Source: Gu et al., SegPGD (ECCV 2022, section 3). Early steps attack voxels that are still right. Late steps weigh
    both nearly alike, so that the voxels that became wrong stay wrong. If a model answers each label by itself, each
    voxel of each label is right or wrong by itself.

    Attributes:
        ascent: norm and steps T; `segpgd@40` takes 40 steps, `segpgd@l2-40` takes 40 steps in L2.
    """

    def loss(self, step: int) -> Loss:
        """The loss that a step increases; 1 is the first step."""
        share = (step - 1) / (2 * self.ascent.steps)

        def weighed(entropies: Float[Tensor, "b o *s"], wrong: Wrong) -> Float[Tensor, "b o *s"]:
            return entropies * torch.where(wrong(), share, 1 - share)

        return weighed

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        """The image after the last step."""
        return self.ascent(case, level, generator, model, clip=clip, loss=self.loss)
