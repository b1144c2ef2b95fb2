"""The cross-entropy of every voxel, which gradient attacks increase."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from robustq.network.output_masks import class_map, exclusive, masks
from robustq.shapes import BatchMasks

_LEAST = torch.finfo(torch.float32).tiny
"""Smallest probability whose logarithm is taken; the logarithm of 0 has no gradient."""


class VoxelLosses(NamedTuple):
    """The loss of each voxel.

    Attributes:
        losses: cross-entropies with o = 1; if each label is answered by itself, binary ones with o = l.
        wrong: whether the answer differs from the truth.
    """

    losses: Float[Tensor, "b o *s"]
    wrong: Bool[Tensor, "b o *s"]


def voxel_losses(scores: Float[Tensor, "b classes *s"], truth: BatchMasks, answer: str) -> VoxelLosses:
    """Cross-entropy if one class answers at each voxel, else binary cross-entropy of each label.

    Probabilities are used as they are. If the network's own activation has rounded a probability to 0 or 1, its
    gradient is lost: wrap the network without this activation.

    Args:
        scores: scores of the dense output.
        truth: boolean masks of the truth, (B, L, *S).
        answer: how scores become masks: softmax, sigmoid or probabilities.
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
