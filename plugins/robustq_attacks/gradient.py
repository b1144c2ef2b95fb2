"""The gradient of a case's loss with respect to its image, and the class scores that it begins at."""

from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.model.predict import BATCH
from robustq.model.segmenter import Segmenter
from robustq.model.windows import class_scores
from robustq.shapes import Image
from robustq_attacks.entropy import voxel_losses, wrong_voxels
from robustq_attacks.judge import stacked, unstacked
from robustq_attacks.losses import Loss, cross_entropy

_SLICES = 16
"""Slices in one pass. The number is fixed: it affects how sums are rounded, and so the signs of gradients."""


class Slope(NamedTuple):
    """A model's loss around an image.

    Attributes:
        gradient: the gradient of the loss at the image, up to a positive factor.
        scores: class scores of the image; of the stack of its slices where a volume is read slice by slice.
    """

    gradient: Image
    scores: Float[Tensor, "n classes *s"]


def loss_gradient(model: Segmenter, case: Case, image: Image, loss: Loss = cross_entropy) -> Image:
    """The gradient that `slope` gives."""
    return slope(model, case, image, loss).gradient


def slope(model: Segmenter, case: Case, image: Image, loss: Loss = cross_entropy) -> Slope:
    """The gradient at an image of the sum of voxel losses against the case's truth, up to a positive factor.

    Its largest value is 1 or -1, or all values are 0. Ignored voxels do not count. A 2D model reads a volume slice by
    slice, and the loss is that of the volume; of a model with a patch it is that of its answer by sliding window. The
    gradient passes straight through the quantiser.

    Args:
        model: the model, in evaluation mode.
        case: the prepared case; its own image is not used.
        image: image at which the gradient is taken, (C, *S).
        loss: what is increased at each voxel.

    Raises:
        RequestError: the network gives no gradient, or one that is not finite.
    """
    truth = case.truth
    ignored = torch.zeros_like(truth[0]) if case.ignored is None else case.ignored
    stacks = (stacked(case, volume).split(_SLICES) for volume in (image, truth, ignored[None]))
    slopes = [
        _slope(model, images, masks, left_out[:, 0], loss) for images, masks, left_out in zip(*stacks, strict=True)
    ]
    gradient, scores = (torch.cat(parts) for parts in zip(*slopes, strict=True))
    return Slope(_largest_one(unstacked(case, gradient), case), scores)


def stack_scores(model: Segmenter, images: Float[Tensor, "n c *s"]) -> Float[Tensor, "n classes *s"]:
    """The class scores of a stack of images, without a gradient."""
    with torch.no_grad():
        return torch.cat([_scores(model, part) for part in images.split(_SLICES)])


def _scores(model: Segmenter, images: Tensor) -> Tensor:
    # The number of windows in a pass is fixed, as that of slices is.
    return class_scores(model, images, batch_size=BATCH[model.spec.dims]).scores


def _largest_one(gradient: Float[Tensor, "c *s"], case: Case) -> Image:
    """The gradient divided by its largest value, in the image's dtype."""
    largest = gradient.abs().amax()
    if not largest.isfinite():
        raise RequestError(
            f"the gradient of this network at case {case.entry.id} is not finite (a root or a logarithm at 0 can be "
            "the cause), so no attack can follow it: correct the network, leave the case out, or use noise instead"
        )
    return (gradient / largest.where(largest > 0, 1)).to(case.image)


def _slope(
    model: Segmenter, images: Tensor, truth: Tensor, ignored: Tensor, loss: Loss
) -> tuple[Float[Tensor, "n c *s"], Float[Tensor, "n classes *s"]]:
    """The gradient in float64, with its true size, so that gradients of several slices can be compared; the scores.

    If a network is sure of every voxel, the gradient at its scores can be too small for float32. So it is computed in
    float64 at the scores, divided by its largest value before it passes the network, and multiplied by it afterwards.
    """
    inputs = images.detach().requires_grad_()
    scores = _scores(model, inputs)
    device = scores.device
    wide = scores.detach().double().requires_grad_()
    truth = truth.to(device)
    wrong = partial(wrong_voxels, wide.detach(), truth, model.spec.answer)
    losses = loss(voxel_losses(wide, truth, model.spec.answer), wrong)
    counted = losses * ~ignored.to(device).unsqueeze(1)
    (at_scores,) = torch.autograd.grad(counted.sum(), wide)
    largest = at_scores.abs().amax()
    safe = largest.where(largest > 0, 1)
    gradient = None
    if scores.requires_grad:
        try:
            (gradient,) = torch.autograd.grad(scores, inputs, (at_scores / safe).to(scores.dtype), allow_unused=True)
        except RuntimeError as error:
            if "use_reentrant" not in str(error):
                raise
            raise RequestError(
                "the network uses torch.utils.checkpoint with use_reentrant=True, which gives no gradient of an image: "
                "give use_reentrant=False there, or use noise"
            ) from error
    if gradient is None:
        raise RequestError(
            "no gradient of this network's output reaches its input (it detaches its output, or runs without grad): "
            "use noise, or the attack square, which needs no gradient"
        )
    return gradient.double() * safe.to(gradient.device), scores.detach()
