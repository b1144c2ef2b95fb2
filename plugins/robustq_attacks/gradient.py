"""The gradient of a case's loss with respect to its image."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from robustq.data.slices import from_slices, to_slices
from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.model.predict import BATCH
from robustq.model.segmenter import Segmenter
from robustq.model.windows import class_scores
from robustq.shapes import Image
from robustq_attacks.entropy import voxel_losses, wrong_voxels

_SLICES = 16
"""Slices in one pass. The number is fixed: it affects how sums are rounded, and so the signs of gradients."""

Weigh = Callable[[Bool[Tensor, "b o *s"]], Float[Tensor, "b o *s"]]
"""A function from the wrong voxels to the weight of each voxel's loss."""


def loss_gradient(model: Segmenter, case: Case, image: Image, weigh: Weigh | None = None) -> Image:
    """The gradient at an image of the weighted sum of voxel losses against the case's truth, up to a positive factor.

    Its largest value is 1 or -1, or all values are 0. Ignored voxels do not count. A 2D model reads a volume slice by
    slice, and the loss is that of the volume; of a model with a patch it is that of its answer by sliding window. The
    gradient passes straight through the quantiser.

    Args:
        model: the model, in evaluation mode.
        case: the prepared case; its own image is not used.
        image: image at which the gradient is taken, (C, *S).
        weigh: function that weighs the voxels; None gives all the same weight.

    Raises:
        RequestError: the network gives no gradient, or one that is not finite.
    """
    truth = case.truth
    ignored = torch.zeros_like(truth[0]) if case.ignored is None else case.ignored
    if case.slice_axis is None:
        return _largest_one(_gradient(model, image[None], truth[None], ignored[None], weigh)[0], case)
    stacks = (to_slices(volume, case.slice_axis).split(_SLICES) for volume in (image, truth, ignored[None]))
    gradients = [
        _gradient(model, images, masks, left_out[:, 0], weigh) for images, masks, left_out in zip(*stacks, strict=True)
    ]
    return _largest_one(from_slices(torch.cat(gradients), case.slice_axis), case)


def _largest_one(gradient: Float[Tensor, "c *s"], case: Case) -> Image:
    """The gradient divided by its largest value, in the image's dtype."""
    largest = gradient.abs().amax()
    if not largest.isfinite():
        raise RequestError(
            f"the gradient of this network at case {case.entry.id} is not finite (a root or a logarithm at 0 can be "
            "the cause), so no attack can follow it: correct the network, leave the case out, or use noise instead"
        )
    return (gradient / largest.where(largest > 0, 1)).to(case.image)


def _gradient(model: Segmenter, images: Tensor, truth: Tensor, ignored: Tensor, weigh: Weigh | None) -> Tensor:
    """The gradient in float64, with its true size, so that gradients of several slices can be compared.

    If a network is sure of every voxel, the gradient at its scores can be too small for float32. So it is computed in
    float64 at the scores, divided by its largest value before it passes the network, and multiplied by it afterwards.
    """
    inputs = images.detach().requires_grad_()
    # The number of windows in a pass is fixed, as that of slices is.
    scores = class_scores(model, inputs, batch_size=BATCH[model.spec.dims]).scores
    device = scores.device
    wide = scores.detach().double().requires_grad_()
    truth = truth.to(device)
    losses = voxel_losses(wide, truth, model.spec.answer)
    if weigh is not None:
        losses = losses * weigh(wrong_voxels(wide.detach(), truth, model.spec.answer))
    weighted = losses * ~ignored.to(device).unsqueeze(1)
    (at_scores,) = torch.autograd.grad(weighted.sum(), wide)
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
            "use noise, or an attack that needs no gradient"
        )
    return gradient.double() * safe.to(gradient.device)
