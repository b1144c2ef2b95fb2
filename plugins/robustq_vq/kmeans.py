"""Lloyd's k-means on tokens, for a codebook that starts among its embeddings."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from robustq.latent.nearest import nearest


@torch.no_grad()
def kmeans(
    tokens: Float[Tensor, "n d"], size: int, *, iterations: int = 10
) -> tuple[Float[Tensor, "k d"], Int[Tensor, "k"]]:
    """The centres, and how many tokens each has.

    It starts at different tokens, chosen by torch's global generator; where there are fewer tokens than centres some
    start more than once, and of these all but one stay without tokens. A centre without tokens stays where it is.

    Args:
        tokens: one or more.
        size: K, centres.
        iterations: at most; fewer where no token changes its centre any more.
    """
    centres = tokens[choose(len(tokens), size, tokens.device)].clone()
    codes = nearest(tokens, centres)
    for _ in range(iterations):
        counts, sums = gather(tokens, codes, size)
        filled = counts > 0
        centres[filled] = sums[filled] / counts[filled, None]
        before, codes = codes, nearest(tokens, centres)
        if codes.equal(before):
            break
    return centres, torch.bincount(codes, minlength=size)


def choose(among: int, count: int, device: torch.device) -> Int[Tensor, " count"]:
    """Random places, different ones as long as there are any, by torch's global generator on the processor."""
    order = torch.randperm(among)
    return order[torch.arange(count) % among].to(device)


def gather(
    tokens: Float[Tensor, "n d"], codes: Int[Tensor, "n"], size: int
) -> tuple[Int[Tensor, "k"], Float[Tensor, "k d"]]:
    """How many tokens chose each code, and the sum of these tokens."""
    sums = tokens.new_zeros(size, tokens.shape[1]).index_add_(0, codes, tokens)
    return torch.bincount(codes, minlength=size), sums
