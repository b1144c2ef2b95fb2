"""The gradient of a case's loss with respect to its image."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.segmenter import Segmenter
from robustq.shapes import Image
from robustq.slices import from_slices, to_slices
from robustq_attacks.entropy import voxel_losses

_SLICES = 16
"""Slices a pass. Not the run's batch size: sums of floats depend on it, and signs of gradients on these."""

Weigh = Callable[[Bool[Tensor, "b o *s"]], Float[Tensor, "b o *s"]]
"""From where the answer is wrong to the weight of each voxel's loss."""


def even(wrong: Bool[Tensor, "b o *s"]) -> Float[Tensor, "b o *s"]:
    """Every voxel weighs the same."""
    return torch.ones(wrong.shape, device=wrong.device)


def loss_gradient(model: Segmenter, case: Case, image: Image, weigh: Weigh = even) -> Image:
    """The gradient at an image of the weighted sum of voxel losses against the case's truth.

    What is ignored is left out. A 2D model reads a volume slice by slice, and the loss is the volume's. The quantiser
    passes its gradient straight through.

    Args:
        model: in evaluation mode.
        case: prepared; its own image plays no part.
        image: where the gradient is taken, (C, *S).
        weigh: what each voxel weighs.

    Raises:
        RequestError: the network cuts its gradient off.
    """
    ignored = torch.zeros_like(case.mask[0]) if case.ignored is None else case.ignored
    if case.slice_axis is None:
        return _gradient(model, image[None], case.mask[None], ignored[None], weigh)[0]
    stacks = (to_slices(volume, case.slice_axis).split(_SLICES) for volume in (image, case.mask, ignored[None]))
    parts = [
        _gradient(model, images, truth, left_out[:, 0], weigh) for images, truth, left_out in zip(*stacks, strict=True)
    ]
    return from_slices(torch.cat(parts), case.slice_axis)


def _gradient(model: Segmenter, images: Tensor, truth: Tensor, ignored: Tensor, weigh: Weigh) -> Tensor:
    device = next(model.parameters()).device
    shown = images.detach().to(device).requires_grad_()
    scores = model.run(shown).logits.float()
    losses, wrong = voxel_losses(scores, truth.to(device), model.spec.answer)
    weighted = losses * weigh(wrong) * ~ignored.to(device).unsqueeze(1)
    gradient = None
    if weighted.requires_grad:
        (gradient,) = torch.autograd.grad(weighted.sum(), shown, allow_unused=True)
    if gradient is None:
        raise RequestError(
            "no gradient of this network's output reaches its input (it detaches its output, or runs without grad): "
            "stress it with noise, or with an attack that needs no gradient"
        )
    return gradient.to(images.device)
