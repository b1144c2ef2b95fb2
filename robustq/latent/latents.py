"""What a model's bottleneck makes of the images of one case, as tokens."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from robustq.data.slices import to_slices
from robustq.model.segmenter import Segmenter
from robustq.shapes import Embedding, Images


@dataclass(frozen=True)
class Latent:
    """The latents of N images of one case: P tokens each, those of all slices where a 2D model reads a volume.

    Attributes:
        embedding: e of each token, in the space where the quantiser searches, (N, P, D).
        quantised: z_q before the output projection, or the feature map itself without codebook, (N, P, D').
        codes: of each stage, (N, P, Q), or None without a codebook.
        grid: the extents whose product is P: tokens along each axis, slices first.
    """

    embedding: Float[Tensor, "n p d"]
    quantised: Float[Tensor, "n p e"]
    codes: Int[Tensor, "n p q"] | None
    grid: tuple[int, ...]


@torch.no_grad()
def latent(model: Segmenter, images: Images, *, batch_size: int, axis: int | None) -> Latent:
    """The latents of N images (N, C, *S) of one case. The decoder is not run.

    Args:
        model: in evaluation mode.
        images: prepared and of one case, on any device.
        batch_size: images, or slices, a pass.
        axis: the spatial axis along which a 2D model reads a volume; None where dimensions agree.
    """
    if axis is not None:
        parts = [_flat(model, to_slices(volume, axis), batch_size) for volume in images]
        grid = (images.shape[2 + axis], *parts[0][0].shape[2:])
        # All slices of a volume are tokens of one image.
        embedding, quantised, codes = (
            None if kind[0] is None else torch.stack([_tokens(part).flatten(0, 1) for part in kind])
            for kind in zip(*parts, strict=True)
        )
    else:
        flat = _flat(model, images, batch_size)
        grid = tuple(flat[0].shape[2:])
        embedding, quantised, codes = (None if part is None else _tokens(part) for part in flat)
    assert embedding is not None, "every model has an embedding"
    assert quantised is not None, "and what comes after it"
    return Latent(embedding, quantised, codes, grid)


def _flat(model: Segmenter, images: Images, batch_size: int) -> tuple[Embedding, Embedding, Tensor | None]:
    device = next(model.parameters()).device
    searched, quantised, codes = [], [], []
    for batch in images.split(batch_size):
        embedding = model.encode(batch.to(device))
        if model.quantiser is None:
            searched.append(embedding)
            quantised.append(embedding)
            continue
        made = model.quantiser(embedding)
        searched.append(model.quantiser.search_space(embedding))
        quantised.append(made.quantised)
        if made.codes is not None:
            codes.append(made.codes)
    return torch.cat(searched), torch.cat(quantised), torch.cat(codes) if codes else None


def _tokens(maps: Tensor) -> Tensor:
    """(N, D, *T) as (N, P, D)."""
    return maps.flatten(2).transpose(1, 2)
