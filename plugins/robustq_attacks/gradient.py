"""The gradient of a case's loss with respect to its image."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from robustq.data.slices import from_slices, to_slices
from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image
from robustq_attacks.entropy import voxel_losses

_SLICES = 16
"""Slices a pass. Not the run's batch size: sums of floats depend on it, and signs of gradients on these."""

Weigh = Callable[[Bool[Tensor, "b o *s"]], Float[Tensor, "b o *s"]]
"""From where the answer is wrong to the weight of each voxel's loss."""


def even(wrong: Bool[Tensor, "b o *s"]) -> Float[Tensor, "b o *s"]:
    """Every voxel weighs the same."""
    return torch.ones(wrong.shape, device=wrong.device)


def loss_gradient(model: Segmenter, case: Case, image: Image, weigh: Weigh = even) -> Image:
    """The gradient at an image of the weighted sum of voxel losses against the case's truth, up to a positive factor.

    Its largest value is 1 or -1, or all of it is 0. What is ignored is left out. A 2D model reads a volume slice by
    slice, and the loss is the volume's. The quantiser passes its gradient straight through.

    Args:
        model: in evaluation mode.
        case: prepared; its own image plays no part.
        image: where the gradient is taken, (C, *S).
        weigh: what each voxel weighs.

    Raises:
        RequestError: the network cuts its gradient off, or gives one that is not finite.
    """
    truth = case.truth
    ignored = torch.zeros_like(truth[0]) if case.ignored is None else case.ignored
    if case.slice_axis is None:
        return _to_one(_gradient(model, image[None], truth[None], ignored[None], weigh)[0], case)
    stacks = (to_slices(volume, case.slice_axis).split(_SLICES) for volume in (image, truth, ignored[None]))
    parts = [
        _gradient(model, images, masks, left_out[:, 0], weigh) for images, masks, left_out in zip(*stacks, strict=True)
    ]
    return _to_one(from_slices(torch.cat(parts), case.slice_axis), case)


def _to_one(gradient: Float[Tensor, "c *s"], case: Case) -> Image:
    """The gradient by its largest value, in the image's dtype."""
    largest = gradient.abs().amax()
    if not largest.isfinite():
        raise RequestError(
            f"the gradient of this network at case {case.entry.id} is not finite (a root or a logarithm at 0 does "
            "that), so that no attack can follow it: mend the network, leave the case out, or stress it with noise"
        )
    return (gradient / largest.where(largest > 0, 1)).to(case.image)


def _gradient(model: Segmenter, images: Tensor, truth: Tensor, ignored: Tensor, weigh: Weigh) -> Tensor:
    """In float64, of images of the same loss in the same unit.

    Where a network is sure of every voxel, the gradient at its scores is smaller than any float32. So it is taken there
    in float64, passes the network with 1 as its largest value, and gets its size back.
    """
    device = next(model.parameters()).device
    shown = images.detach().to(device).requires_grad_()
    scores = model.run(shown).logits
    wide = scores.detach().double().requires_grad_()
    losses, wrong = voxel_losses(wide, truth.to(device), model.spec.answer)
    weighted = losses * weigh(wrong) * ~ignored.to(device).unsqueeze(1)
    (at_scores,) = torch.autograd.grad(weighted.sum(), wide)
    largest = at_scores.abs().amax()
    safe = largest.where(largest > 0, 1)
    gradient = None
    if scores.requires_grad:
        (gradient,) = torch.autograd.grad(scores, shown, (at_scores / safe).to(scores.dtype), allow_unused=True)
    if gradient is None:
        raise RequestError(
            "no gradient of this network's output reaches its input (it detaches its output, or runs without grad): "
            "stress it with noise, or with an attack that needs no gradient"
        )
    return (gradient.double() * safe).to(images.device)
