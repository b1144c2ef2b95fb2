"""The cross-entropy of every voxel, which gradient attacks increase."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from robustq.network.output_masks import class_map, exclusive, masks
from robustq.shapes import BatchMasks

_LEAST = torch.finfo(torch.float32).tiny
"""Smallest probability whose logarithm is taken; the logarithm of 0 has no gradient."""


def voxel_losses(scores: Float[Tensor, "b classes *s"], truth: BatchMasks, answer: str) -> Float[Tensor, "b o *s"]:
    """Cross-entropy if one class answers at each voxel (o = 1), else binary cross-entropy of each label (o = l).

    Probabilities are used as they are. If the network's own activation has rounded a probability to 0 or 1, its
    gradient is lost: wrap the network without this activation.

    Args:
        scores: scores of the dense output.
        truth: boolean masks of the truth, (B, L, *S).
        answer: how scores become masks: softmax, sigmoid or probabilities.
    """
    if exclusive(scores.shape[1], answer, truth.shape[1]):
        logarithms = F.log_softmax(scores, 1) if answer == "softmax" else scores.clamp_min(_LEAST).log()
        return F.nll_loss(logarithms, class_map(truth), reduction="none").unsqueeze(1)
    if answer == "sigmoid":
        return F.binary_cross_entropy_with_logits(scores, truth.to(scores.dtype), reduction="none")
    return -torch.where(truth, scores, 1 - scores).clamp_min(_LEAST).log()


def wrong_voxels(scores: Float[Tensor, "b classes *s"], truth: BatchMasks, answer: str) -> Bool[Tensor, "b o *s"]:
    """Whether the answer differs from the truth, for each loss that `voxel_losses` gives."""
    answered = masks(scores, answer, truth.shape[1])
    if exclusive(scores.shape[1], answer, truth.shape[1]):
        return (class_map(answered) != class_map(truth)).unsqueeze(1)
    return answered != truth
