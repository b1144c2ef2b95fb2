"""The smoothed model g: at every voxel, the class that a model answers most often under gaussian noise."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from robustq import registry
from robustq.dataset import Case
from robustq.draws.seeds import draw_generator
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter
from robustq.network.output_masks import class_map, exclusive
from robustq.shapes import BatchMasks, Images, Masks

Classes = Int[Tensor, "q *s"]
"""The class that answers each of Q questions at every voxel.

One question where each voxel gets exactly one class: 0 for the background, i + 1 for label i. Else one question for
each label, whose classes are 0 (no) and 1 (yes)."""


@dataclass(frozen=True)
class Smoothed:
    """A model under gaussian noise.

    Attributes:
        model: a segmenter in evaluation mode.
        sigma: standard deviation of the noise, as a share of the intensity range, above 0 and at most 1.
    """

    model: Segmenter
    sigma: float

    @property
    def exclusive(self) -> bool:
        """Whether each voxel gets exactly one class."""
        spec = self.model.spec
        return exclusive(spec.classes, spec.answer, len(spec.labels))

    def noisy(self, case: Case, numbers: range) -> Images:
        """Noisy copies of a case's image; the same number gives the same noise for every model."""
        gaussian = registry.load("perturbations", "gaussian")()
        generators = [draw_generator(0, case.entry.id, "certified", number) for number in numbers]
        return torch.stack([gaussian(case, 100 * self.sigma, generator).image for generator in generators])

    def counts(self, case: Case, numbers: range, batch_size: int) -> Int[Tensor, "k q *s"]:
        """How many of the noisy copies are answered with each class, at every voxel and for every question.

        A copy whose answer is not finite counts for no class.

        Args:
            case: a prepared case.
            numbers: numbers of the copies.
            batch_size: number of images, slices or windows in a pass.
        """
        labels, extents = len(self.model.spec.labels), case.image.shape[1:]
        shape = (labels + 1, 1, *extents) if self.exclusive else (2, labels, *extents)
        counts = torch.zeros(shape, dtype=torch.int32)
        for answered in self._answers(case, numbers, batch_size):
            for number in range(len(counts)):
                counts[number] += (answered == number).sum(0, dtype=torch.int32)
        return counts

    def masks(self, chosen: Classes) -> Masks:
        """The mask of each label in chosen classes."""
        if not self.exclusive:
            return chosen == 1
        numbers = torch.arange(1, len(self.model.spec.labels) + 1).view(-1, *[1] * (chosen.ndim - 1))
        return chosen == numbers

    def _answers(self, case: Case, numbers: range, batch_size: int) -> Iterator[Int[Tensor, "b q *s"]]:
        for first in range(numbers.start, numbers.stop, batch_size):
            images = self.noisy(case, range(first, min(first + batch_size, numbers.stop)))
            for answers in predict(self.model, images, batch_size=batch_size, axis=case.slice_axis):
                classes = self._classes(answers.masks).cpu()
                finite = answers.finite.cpu().view(-1, *[1] * (classes.ndim - 1))
                yield torch.where(finite, classes, -1)

    def _classes(self, masks: BatchMasks) -> Int[Tensor, "b q *s"]:
        return class_map(masks)[:, None] if self.exclusive else masks.long()
