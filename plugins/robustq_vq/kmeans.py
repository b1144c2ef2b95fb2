"""Lloyd's k-means on tokens, to start a codebook at its embeddings."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from robustq.latent.nearest import nearest


@torch.no_grad()
def kmeans(
    tokens: Float[Tensor, "n d"], size: int, *, iterations: int = 10
) -> tuple[Float[Tensor, "k d"], Int[Tensor, "k"]]:
    """The centres, and the number of tokens of each.

    Centres start at different tokens, which torch's global generator chooses. If there are fewer tokens than centres,
    several centres start at the same token, and only one of them gets tokens. A centre without tokens does not move.

    Args:
        tokens: one token or more.
        size: K, number of centres.
        iterations: largest number of iterations; fewer if no token changes its centre any more.
    """
    centres = tokens[choose(len(tokens), size, tokens.device)].clone()
    codes = nearest(tokens, centres)
    for _ in range(iterations):
        counts, sums = gather(tokens, codes, size)
        chosen = counts > 0
        centres[chosen] = sums[chosen] / counts[chosen, None]
        last_codes, codes = codes, nearest(tokens, centres)
        if codes.equal(last_codes):
            break
    return centres, torch.bincount(codes, minlength=size)


def choose(among: int, count: int, device: torch.device) -> Int[Tensor, " count"]:
    """Random indices below `among`, without repetition as far as possible, by torch's global generator on the CPU."""
    order = torch.randperm(among)
    return order[torch.arange(count) % among].to(device)


def gather(
    tokens: Float[Tensor, "n d"], codes: Int[Tensor, "n"], size: int
) -> tuple[Int[Tensor, "k"], Float[Tensor, "k d"]]:
    """The number of tokens that chose each code, and their sum."""
    sums = tokens.new_zeros(size, tokens.shape[1]).index_add_(0, codes, tokens)
    return torch.bincount(codes, minlength=size), sums
