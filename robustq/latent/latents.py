"""The latents of one case: embedding, quantised vectors and codes of its images, as tokens."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from robustq.data.slices import to_slices
from robustq.model.device import to_device
from robustq.model.predict import predict
from robustq.model.segmenter import Segmenter
from robustq.model.windows import batches_of
from robustq.shapes import Images


@dataclass(frozen=True)
class Latent:
    """The latents of N images of one case, with P tokens each: those of all slices where a 2D model reads a volume, and
    those of all windows where the model has a patch.

    Attributes:
        embedding: e of each token, in the space where the quantiser searches, (N, P, D).
        quantised: z_q before the output projection, or the feature map itself without a quantiser, (N, P, D').
        codes: codes of each stage, (N, P, Q), or None without a codebook.
        grid: the extents whose product is P: slices, then windows, then tokens along each axis.
        output: masks that the model predicts, (N, L, *S); None where the decoder was not run.
        answered: whether all class scores behind `output` are finite; where they are not, its masks mean nothing.
    """

    embedding: Float[Tensor, "n p d"]
    quantised: Float[Tensor, "n p e"]
    codes: Int[Tensor, "n p q"] | None
    grid: tuple[int, ...]
    output: Bool[Tensor, "n l *s"] | None = None
    answered: bool = True


@torch.no_grad()
def latent(model: Segmenter, images: Images, *, batch_size: int, axis: int | None, output: bool = False) -> Latent:
    """The latents of N images (N, C, *S) of one case.

    Args:
        model: a segmenter in evaluation mode.
        images: prepared images of one case, on any device.
        batch_size: number of images, of slices or of windows in a pass.
        axis: the spatial axis along which a 2D model reads a volume; None where model and images have
            the same number of axes.
        output: whether the decoder is also run, in a separate pass, and its masks are kept.
    """
    stacks = [images] if axis is None else [to_slices(volume, axis) for volume in images]
    flat = [_flat(model, stack, batch_size) for stack in stacks]
    each = len(images) // len(stacks)  # images in a stack: all of them, or the one that was sliced
    # All slices and windows of an image are tokens of it.
    embedding, quantised, codes = (
        None if maps[0] is None else torch.cat([_tokens(part).reshape(each, -1, part.shape[1]) for part in maps])
        for maps in zip(*flat, strict=True)
    )
    slices = () if axis is None else (len(stacks[0]),)
    windows = () if model.spec.preparation.patch is None else (len(flat[0][0]) // len(stacks[0]),)
    grid = (*slices, *windows, *flat[0][0].shape[2:])
    assert embedding is not None, "every model has an embedding"
    assert quantised is not None, "every model has quantised vectors"
    if not output:
        return Latent(embedding, quantised, codes, grid)
    batches = list(predict(model, images, batch_size=batch_size, axis=axis))
    masks = torch.cat([answers.masks for answers in batches])
    answered = all(bool(answers.finite.all()) for answers in batches)
    return Latent(embedding, quantised, codes, grid, masks, answered)


def _flat(
    model: Segmenter, images: Images, batch_size: int
) -> tuple[Float[Tensor, "n d *t"], Float[Tensor, "n e *t"], Tensor | None]:
    """Embedding, quantised vectors and codes of all images, or of all their windows."""
    device = model.device
    searched, quantised, codes = [], [], []
    for batch in batches_of(model, images, batch_size=batch_size):
        embedding = model.encode(to_device(batch, device))
        if model.quantiser is None:
            searched.append(embedding)
            quantised.append(embedding)
            continue
        result = model.quantiser(embedding)
        searched.append(model.quantiser.search_space(embedding))
        quantised.append(result.quantised)
        if result.codes is not None:
            codes.append(result.codes)
    return _wide(torch.cat(searched)), _wide(torch.cat(quantised)), torch.cat(codes) if codes else None


def _wide(maps: Tensor) -> Tensor:
    """Maps in float32 or wider, because statistics in half precision would be wrong."""
    return maps.to(torch.promote_types(maps.dtype, torch.float32))


def _tokens(maps: Tensor) -> Tensor:
    """Maps (N, D, *T) as tokens (N, P, D)."""
    return maps.flatten(2).transpose(1, 2)
