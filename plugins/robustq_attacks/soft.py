"""Lets gradients pass codebooks by a soft assignment to the codes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from robustq.model.bottleneck import Bottleneck
from robustq.model.segmenter import Segmenter
from robustq.quantiser import AbstractQuantiser, Quantised

TEMPERATURE = 0.1
"""Temperature of the softmax over codes, in units of the median squared distance of a pass's tokens to the codes."""


@contextmanager
def softened(model: Segmenter) -> Iterator[None]:
    """Inside this context, gradients pass every codebook of vectors with one stage by a soft assignment.

    The model's answer does not change: it still uses the nearest codes.
    """
    bottlenecks = [bottleneck for bottleneck in model.bottlenecks if isinstance(bottleneck, Bottleneck)]
    codebooks = [bottleneck.quantiser for bottleneck in bottlenecks if _has_codebook(bottleneck.quantiser)]
    handles = [codebook.register_forward_hook(_soften) for codebook in codebooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _has_codebook(quantiser: AbstractQuantiser) -> bool:
    return quantiser.vectors is not None and len(quantiser.vectors) == 1


def _soften(quantiser: nn.Module, inputs: tuple[Tensor], output: Quantised) -> Quantised:
    assert isinstance(quantiser, AbstractQuantiser), "the hook is on quantisers only"
    vectors = quantiser.vectors
    assert vectors is not None, "the hook is on quantisers with vectors only"
    codes = vectors[0].detach().float()  # (K, D)
    tokens = quantiser.search_space(inputs[0]).float().movedim(1, -1)  # (B, *T, D)
    distances = torch.cdist(tokens.flatten(0, -2), codes).square()  # (tokens, K)
    temperature = TEMPERATURE * distances.detach().median().clamp_min(torch.finfo(distances.dtype).tiny)
    mixed = torch.softmax(-distances / temperature, 1) @ codes
    soft = mixed.view(tokens.shape).movedim(-1, 1).to(output.quantised.dtype)
    return output._replace(quantised=output.quantised.detach() + soft - soft.detach())
