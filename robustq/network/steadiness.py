"""Looks whether a network's answer to an image depends on that image alone."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from robustq.network.global_generators import kept_generators
from robustq.network.output_masks import full_resolution
from robustq.network.run_network import evaluation_mode, own_copy
from robustq.network.state import main_dtype

_TOLERANCES = {torch.float32: 1e-3, torch.float64: 1e-3}
"""By dtype of the scores: a larger difference, as a share of the largest score, is no rounding."""

_COARSE = 0.05
"""The same for scores of other dtypes, such as bfloat16."""


class Steadiness(NamedTuple):
    """What an answer depends on besides its image.

    Attributes:
        repeats: whether the network answers an image alike each time.
        alone: whether the answer is the same beside other images of a batch.
    """

    repeats: bool
    alone: bool


@torch.no_grad()
def steadiness(network: nn.Module, example: Tensor, head: int | str | None = None) -> Steadiness:
    """Show a network noise: one image, another of other brightness, the first again, then both in a batch.

    Args:
        network: a network, in whose evaluation mode its answers are compared.
        example: an input that it runs on; only its shape matters.
        head: which entry of the output is the answer, as in `full_resolution`.

    Returns:
        Steady in both ways where the network does not take one of these inputs.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, *example.shape[1:], generator=generator)
    noise[1] = 2 * noise[1] + 1  # a network that normalises a batch by its extremes sees other ones with it
    noise = noise.to(example)

    def answer(images: Tensor) -> Tensor:
        output = network(own_copy(images).to(main_dtype(network) or images.dtype))
        return full_resolution(output, images.shape[2:], head).clone()

    # The generators are restored once, after all passes, so that a network that draws from them answers differently.
    with kept_generators(), evaluation_mode(network):
        try:
            first, _, again, (beside, _) = (answer(images) for images in (noise[:1], noise[1:], noise[:1], noise))
        except Exception:  # a network given by hand may raise any error
            return Steadiness(True, True)
    return Steadiness(_alike(first, again), _alike(first, beside[None]))


def _alike(one: Tensor, other: Tensor) -> bool:
    finite = one.isfinite() & other.isfinite()
    if not finite.any():
        return True
    difference = (one - other)[finite].abs().max()
    return bool(difference <= _TOLERANCES.get(one.dtype, _COARSE) * one[finite].abs().max())
