"""The cross-entropy of every voxel, which is what gradient attacks make grow."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from robustq.network.output_masks import class_map, exclusive, masks
from robustq.shapes import BatchMasks

_LEAST = torch.finfo(torch.float32).tiny
"""The least probability whose logarithm is taken; at 0 it would have no gradient."""


class VoxelLosses(NamedTuple):
    """What each voxel adds to the loss.

    Attributes:
        losses: cross-entropies; of labels that answer each for itself (o is l), binary ones; else o is 1.
        wrong: where the answer is not the truth.
    """

    losses: Float[Tensor, "b o *s"]
    wrong: Bool[Tensor, "b o *s"]


def voxel_losses(scores: Float[Tensor, "b classes *s"], truth: BatchMasks, answer: str) -> VoxelLosses:
    """Cross-entropy where one class answers at each voxel, else binary cross-entropy of each label.

    Probabilities are taken as they are. Where a network's own activation has rounded one to 0 or 1, its gradient is
    lost: wrap the network without it.

    Args:
        scores: of the dense output.
        truth: boolean masks, (B, L, *S).
        answer: how scores become masks.
    """
    answered = masks(scores, answer, truth.shape[1])
    if exclusive(scores.shape[1], answer, truth.shape[1]):
        target = class_map(truth)
        logarithms = F.log_softmax(scores, 1) if answer == "softmax" else scores.clamp_min(_LEAST).log()
        losses = F.nll_loss(logarithms, target, reduction="none").unsqueeze(1)
        return VoxelLosses(losses, (class_map(answered) != target).unsqueeze(1))
    target = truth.to(scores.dtype)
    if answer == "sigmoid":
        losses = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
    else:
        losses = -torch.where(truth, scores, 1 - scores).clamp_min(_LEAST).log()
    return VoxelLosses(losses, answered != truth)
