"""Gradients by soft assignment to the codes."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from robustq.model.bottleneck import Bottleneck
from robustq.model.segmenter import Segmenter
from robustq.quantiser import AbstractQuantiser, Quantised

TEMPERATURE = 0.1
"""Of the softmax over codes, in medians of the squared distances between the tokens of a pass and the codes."""


@contextmanager
def softened(model: Segmenter) -> Iterator[None]:
    """As long as the context lasts, gradients pass every codebook of vectors with one stage by a soft assignment.

    What the model answers stays as it is: hard codes.
    """
    bottlenecks = [each for each in model.bottlenecks if isinstance(each, Bottleneck)]
    codebooks = [each.quantiser for each in bottlenecks if _has_codebook(each.quantiser)]
    handles = [codebook.register_forward_hook(_soften) for codebook in codebooks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _has_codebook(quantiser: AbstractQuantiser) -> bool:
    return quantiser.vectors is not None and len(quantiser.vectors) == 1


def _soften(quantiser: nn.Module, inputs: tuple[Tensor], output: Quantised) -> Quantised:
    assert isinstance(quantiser, AbstractQuantiser), "hooked to nothing else"
    vectors = quantiser.vectors
    assert vectors is not None, "hooked to nothing else"
    codes = vectors[0].detach().float()  # (K, D)
    tokens = quantiser.search_space(inputs[0]).float().movedim(1, -1)  # (B, *T, D)
    distances = torch.cdist(tokens.flatten(0, -2), codes).square()  # (tokens, K)
    temperature = TEMPERATURE * distances.detach().median().clamp_min(torch.finfo(distances.dtype).tiny)
    mixed = torch.softmax(-distances / temperature, 1) @ codes
    soft = mixed.view(tokens.shape).movedim(-1, 1).to(output.quantised.dtype)
    return output._replace(quantised=output.quantised.detach() + soft - soft.detach())
