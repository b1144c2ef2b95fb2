"""How far an attack has come, from the class scores that a model gives the attacked image."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from robustq.data.slices import from_slices, to_slices
from robustq.dataset import Case
from robustq.network.output_masks import masks
from robustq_attacks.entropy import voxel_losses


@dataclass(frozen=True)
class Judge:
    """Judges class scores by the truth of a case. A volume that is read slice by slice is a stack of its slices.

    Attributes:
        truth: masks of the truth without the ignored voxels, (N, L, *S); N is 1 for a case that is read whole.
        counted: voxels that are not ignored, (N, 1, *S).
        answer: how scores become masks: softmax, sigmoid or probabilities.
    """

    truth: Bool[Tensor, "n l *s"]
    counted: Bool[Tensor, "n o *s"]
    answer: str

    @classmethod
    def of(cls, case: Case, answer: str) -> "Judge":
        """The judge of a case."""
        counted = torch.ones_like(case.truth[:1]) if case.ignored is None else ~case.ignored[None]
        return cls(stacked(case, case.truth), stacked(case, counted), answer)

    def cross_entropies(self, scores: Float[Tensor, "n classes *s"]) -> Float[Tensor, " n"]:
        """For each image of the stack, the sum of its voxels' cross-entropies."""
        truth, counted = self._beside(scores)
        return (voxel_losses(scores.double(), truth, self.answer) * counted).flatten(1).sum(1)

    def dice(self, scores: Float[Tensor, "n classes *s"]) -> float:
        """Mean Dice over the labels that the truth shows; NaN where it shows none."""
        truth, counted = self._beside(scores)
        answered = masks(scores, self.answer, truth.shape[1]) & counted
        parts = (answered & truth, answered, truth)
        overlap, predicted, true = (part.transpose(0, 1).flatten(1).sum(1) for part in parts)
        return float((2 * overlap / (predicted + true))[true > 0].mean())

    def _beside(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Truth and counted voxels where the scores are."""
        return self.truth.to(scores.device), self.counted.to(scores.device)


def stacked(case: Case, volume: Tensor) -> Tensor:
    """An image or mask (C, *S) of a case as the model reads it: the slices of a volume, or a stack of one."""
    return volume[None] if case.slice_axis is None else to_slices(volume, case.slice_axis)


def unstacked(case: Case, stack: Tensor) -> Tensor:
    """The image or mask of such a stack; undoes `stacked`."""
    return stack[0] if case.slice_axis is None else from_slices(stack, case.slice_axis)
