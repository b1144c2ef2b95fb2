"""Dice + cross-entropy (equation 2, first two terms), and any criterion with the quantiser's loss added."""

from collections.abc import Callable
from functools import partial, reduce
from operator import add
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from robustq.model.segmenter import Segmenter
from robustq.network.output_masks import class_map, exclusive
from robustq.shapes import BatchMasks

_IGNORED = -100

Term = Callable[[], Tensor]
"""Computes one term of the loss."""


class SegmentationLoss(nn.Module):
    """The sum of Dice loss and cross-entropy, or one of them, in float32, ignored voxels left out.

    Softmax: Dice averaged over all channels that occur in the batch, background included, and the categorical
    cross-entropy. Sigmoid: Dice averaged over the labels, and the binary cross-entropy. Probabilities: no softmax or
    sigmoid is applied; the loss is that of softmax where there is one channel more than labels, else that of sigmoid.

    Args:
        answer: how outputs become masks.
        labels: number of labels.
        form: "dice-ce" for the sum, "dice" or "ce" for one of them.
    """

    def __init__(self, answer: str, labels: int, form: str = "dice-ce") -> None:
        super().__init__()
        # This import takes seconds, and only training needs it.
        from segmentation_models_pytorch.losses import DiceLoss

        self.answer, self.labels, self.form = answer, labels, form
        from_logits = answer != "probabilities"
        self.multiclass = DiceLoss("multiclass", from_logits=from_logits, ignore_index=_IGNORED)
        self.multilabel = DiceLoss("multilabel", from_logits=from_logits, ignore_index=_IGNORED)

    def forward(
        self, scores: Float[Tensor, "b classes *s"], truth: BatchMasks, ignored: Bool[Tensor, "b *s"]
    ) -> Float[Tensor, ""]:
        """The loss of scores against boolean masks (B, L, *S)."""
        with torch.autocast(scores.device.type, enabled=False):
            scores = scores.float()
            shared = exclusive(scores.shape[1], self.answer, self.labels)
            terms = (self._exclusive if shared else self._each)(scores, truth, ignored)
            return reduce(add, [terms[name]() for name in self.form.split("-")])

    def _exclusive(self, scores: Tensor, truth: Tensor, ignored: Tensor) -> dict[str, Term]:
        target = class_map(truth).masked_fill(ignored, _IGNORED)
        log_scores = scores.log_softmax(1) if self.answer == "softmax" else scores.clamp_min(1e-7).log()
        return {
            "dice": partial(self.multiclass, scores, target),
            "ce": partial(F.nll_loss, log_scores, target, ignore_index=_IGNORED),
        }

    def _each(self, scores: Tensor, truth: Tensor, ignored: Tensor) -> dict[str, Term]:
        target = truth.to(scores.dtype)
        left_out = ignored.unsqueeze(1).expand_as(target)
        counted = ~left_out
        entropy = F.binary_cross_entropy_with_logits if self.answer == "sigmoid" else F.binary_cross_entropy
        return {
            "dice": partial(self.multilabel, scores, target.masked_fill(left_out, _IGNORED)),
            "ce": partial(entropy, scores[counted], target[counted]),
        }


class QuantisedLoss(nn.Module):
    """A criterion with the quantiser's loss of the model's last forward pass added, weight 1 (equation 2).

    For other people's trainers: they call `model(x)`, then this in place of their criterion.

    Args:
        criterion: the criterion; it gets the arguments of this module.
        model: the segmenter whose outputs are judged.
    """

    def __init__(self, criterion: Callable[..., Tensor], model: Segmenter) -> None:
        super().__init__()
        self.criterion = criterion
        # In a list, so that the model's parameters are not registered as the criterion's too.
        self._model = [model]

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """criterion(...) + model.quantiser_loss."""
        loss = self.criterion(*args, **kwargs)
        return loss + self._model[0].quantiser_loss.to(loss.device)
