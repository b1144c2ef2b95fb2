"""The attack on a smoothed model: PGD through the mean of noisy passes."""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from robustq import registry
from robustq.data.preparation import Preparation
from robustq.dataset import Case
from robustq.draws.seeds import draw_generator
from robustq.model.segmenter import Segmenter
from robustq.model.spec import NO_SITE
from robustq.model.windows import class_scores
from robustq.request.quantise import Quantise
from robustq.shapes import Images
from robustq_guarantees.smoothed import Smoothed

PASSES = 32
"""Noisy passes whose mean is attacked."""

STEPS = 10


def attacked(smoothed: Smoothed, case: Case, radius: float, batch_size: int) -> Case:
    """The case with the image that PGD finds within a radius against the mean probabilities of noisy passes.

    Salman et al., NeurIPS 2019, section 3.1: the loss is that of the mean, not the mean of the losses. The noise of the
    passes is the same in every step, and is not that of the copies that answer.

    Args:
        smoothed: the smoothed model.
        case: a prepared case.
        radius: L2 norm of the change, in shares of the intensity range.
        batch_size: number of noisy images, slices or windows in a pass.
    """
    pgd = registry.load("attacks", "pgd").parse(f"l2-{STEPS}")
    generator = draw_generator(0, case.entry.id, "certified-start", 0)
    changed: Case = pgd(case, level_of(radius, case), generator, differentiable(smoothed, case, batch_size))
    return changed


def level_of(radius: float, case: Case) -> float:
    """The level in percent at which `pgd@l2` is allowed this radius: r = s·√N for an image of N values."""
    return float(100 * radius / case.image.numel() ** 0.5)


class _MeanOfPasses(nn.Module):
    """The mean of the probabilities of every class over noisy passes, as a network.

    Args:
        smoothed: the smoothed model.
        case: the case whose images it is given, or slices of them.
        batch_size: number of noisy images, slices or windows in a pass.
    """

    def __init__(self, smoothed: Smoothed, case: Case, batch_size: int) -> None:
        super().__init__()
        self.model = smoothed.model
        self._deviation = smoothed.sigma * case.intensity_range.diff(dim=1).squeeze(1)
        self._case, self._batch_size = case.entry.id, batch_size

    def forward(self, images: Images) -> Float[Tensor, "b classes *s"]:
        """The mean. Passes are computed again in the backward pass, so that memory holds the graph of few of them."""
        together = max(1, self._batch_size // len(images))
        parts = [range(first, min(first + together, PASSES)) for first in range(0, PASSES, together)]
        sums = [checkpoint(self._sum, images, numbers, use_reentrant=False) for numbers in parts]
        mean: Tensor = torch.stack(sums).sum(0) / PASSES
        return mean

    def _sum(self, images: Images, numbers: range) -> Float[Tensor, "b classes *s"]:
        """The sum of the probabilities over some of the passes."""
        generators = [draw_generator(0, self._case, "certified-attack", number) for number in numbers]
        noise = torch.stack([torch.randn(images.shape, generator=generator) for generator in generators])
        deviation = self._deviation.to(noise).view(-1, *[1] * self.model.spec.dims)
        noisy = images + (deviation * noise).to(images)  # (passes, B, C, *S)
        scores = class_scores(self.model, noisy.flatten(0, 1), batch_size=self._batch_size).scores
        total: Tensor = self._probabilities(scores).unflatten(0, noisy.shape[:2]).sum(0)
        return total

    def _probabilities(self, scores: Float[Tensor, "b classes *s"]) -> Float[Tensor, "b classes *s"]:
        """The probability of every class, the background included."""
        answer = self.model.spec.answer
        return {"softmax": lambda: scores.softmax(1), "sigmoid": scores.sigmoid}.get(answer, lambda: scores)()


def differentiable(smoothed: Smoothed, case: Case, batch_size: int) -> Segmenter:
    """The smoothed model as a segmenter that an attack can follow; it shows prepared images to the model itself."""
    spec = smoothed.model.spec.but(
        quantise=Quantise.parse("none"),
        site=NO_SITE,
        skips="keep",
        answer="probabilities",
        head=None,
        multiple=1,
        preparation=Preparation(
            dims=smoothed.model.spec.dims,
            channels=len(case.image),
            normalise="none",
            labels=smoothed.model.spec.preparation.labels,
        ),
    )
    return Segmenter(_MeanOfPasses(smoothed, case, batch_size), nn.ModuleList(), spec).eval()
