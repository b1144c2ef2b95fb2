"""Tangents: how the tokens of an image move to first order when the image changes."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jvp, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from robustq.data.slices import to_slices
from robustq.model.predict import BATCH
from robustq.model.segmenter import Segmenter
from robustq.model.windows import windows_of
from robustq.shapes import Image, Images


@torch.no_grad()
def tangents(model: Segmenter, image: Image, directions: Images, *, axis: int | None) -> Float[Tensor, "n p d"]:
    """J·δ of every token for N directions δ (N, C, *S) at one image (C, *S), by forward-mode products (equation 4).

    J is the Jacobian of the tokens in the space where the quantiser searches; it is never formed. All directions share
    the pass of the image itself. Where the model has a patch, the tokens are those of the windows.
    """
    device = model.device

    def searched(images: Tensor) -> Tensor:
        embedding = model.encode(images)
        return embedding if model.quantiser is None else model.quantiser.search_space(embedding)

    def stacked(images: Tensor) -> Tensor:
        return images[None] if axis is None else to_slices(images, axis)

    def moved(clean: Tensor, changes: Tensor) -> Tensor:
        # vmap runs over the directions only, so it computes once what depends on the image alone.
        # Forward mode supports only PyTorch's plain attention.
        with sdpa_kernel(SDPBackend.MATH):
            products: Tensor = vmap(lambda change: jvp(searched, (clean.to(device),), (change,))[1])(changes.to(device))
        return products  # (N, M, D, *T)

    clean, changes = stacked(image), torch.stack([stacked(direction) for direction in directions])
    windows = windows_of(model.spec.preparation)
    if windows is None:
        products = moved(clean, changes)
    else:
        # Windows are linear in the image, so those of the directions are the directions of the windows.
        size = max(1, BATCH[model.spec.dims] // len(changes))
        each = [windows.batches(stack, batch_size=size) for stack in (clean, *changes)]
        products = torch.cat([moved(first, torch.stack(others)) for first, *others in zip(*each, strict=True)], 1)
    return products.flatten(3).transpose(2, 3).flatten(1, 2)
