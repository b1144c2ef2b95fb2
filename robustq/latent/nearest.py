"""The nearest codebook vector of every token, in bounded memory."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

MEMORY = 2**24
"""Largest number of distances held at a time (64 MiB in float32), unless one token alone has more."""

_ROUNDING = {"highest": 2**-24, "high": 2**-11, "medium": 2**-8}
"""Relative error of one float32 product, by `torch.get_float32_matmul_precision()`."""


@torch.no_grad()
def nearest(tokens: Float[Tensor, "n d"], vectors: Float[Tensor, "k d"]) -> Int[Tensor, "n"]:
    """Index of the nearest vector by squared Euclidean distance (equation 1); the lowest index among equals.

    Distances are first compared as |l|² - 2 e·l, one matrix product. Where the two smallest differ by no more than the
    rounding of that product, the token's distances are computed again from differences in float64. The result is
    therefore that of a float64 search.
    """
    step = max(1, MEMORY // len(vectors))
    codes = [_search(some_tokens, vectors) for some_tokens in tokens.split(step)]
    return torch.cat(codes) if codes else torch.zeros(0, dtype=torch.long, device=tokens.device)


def _search(tokens: Float[Tensor, "n d"], vectors: Float[Tensor, "k d"]) -> Int[Tensor, "n"]:
    if len(vectors) == 1:
        return torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
    # Relative to the codebook's mean the norms are small, and so is the rounding.
    centre = vectors.mean(0)
    centred_vectors, centred_tokens = vectors - centre, tokens - centre
    norms = centred_vectors.square().sum(1)
    two_best = torch.addmm(norms, centred_tokens, centred_vectors.T, alpha=-2).topk(2, largest=False)  # (n, 2)
    codes = two_best.indices[:, 0]

    product_error = _ROUNDING[torch.get_float32_matmul_precision()] if tokens.dtype == torch.float32 else 2**-53
    longest = norms.max().sqrt()
    rounding = 4 * tokens.shape[1] * product_error * longest * (centred_tokens.norm(dim=1) + longest)
    unsure = ~(two_best.values.diff(dim=1).squeeze(1) > 2 * rounding)  # "not greater" also catches NaN
    if unsure.any():
        # With plain differences, identical vectors get identical distances, and argmin takes the first of them.
        exact = torch.cdist(tokens[unsure].double(), vectors.double(), compute_mode="donot_use_mm_for_euclid_dist")
        codes[unsure] = exact.argmin(1)
    return codes
