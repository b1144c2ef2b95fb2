"""The nearest codebook vector of every token, in bounded memory."""

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

MEMORY = 2**24
"""Largest number of distances held at a time (64 MiB in float32), unless one token alone has more."""

_CACHE = 2**18
"""The same on a processor, whose cache holds as many (1 MiB)."""

_FEWEST = 32
"""Fewest tokens in a matrix product on a processor; with fewer, the vectors would be read too often."""

_PAIRS = 2**13
"""Pairs of token and vector that are compared exactly at a time."""

_ROUNDING = {"highest": 2**-24, "high": 2**-11, "medium": 2**-8}
"""Relative error of one float32 product, by `torch.get_float32_matmul_precision()`."""


@torch.no_grad()
def nearest(tokens: Float[Tensor, "n d"], vectors: Float[Tensor, "k d"]) -> Int[Tensor, "n"]:
    """Index of the nearest vector by squared Euclidean distance (equation 1); the lowest index among equals.

    Distances are first compared as |l|² - 2 e·l, one matrix product. Where the two smallest differ by no more than the
    rounding of that product, the vectors that may be nearest are compared again by differences in float64. The result
    is therefore that of a float64 search.
    """
    if len(vectors) == 1 or len(tokens) == 0:
        return torch.zeros(len(tokens), dtype=torch.long, device=tokens.device)
    if tokens.dtype != torch.float64:
        tokens, vectors = tokens.float(), vectors.float()
    # Relative to the codebook's mean the norms are small, and so is the rounding.
    centre = vectors.mean(0)
    centred = vectors - centre
    norms = centred.square().sum(1)
    held = MEMORY if tokens.device.type != "cpu" else min(MEMORY, max(_CACHE, _FEWEST * len(vectors)))
    step = max(1, held // len(vectors))
    product_error = _ROUNDING[torch.get_float32_matmul_precision()] if tokens.dtype == torch.float32 else 2**-53
    longest = norms.max().sqrt()

    codes, gaps, roundings = [], [], []
    for block in tokens.split(step):
        centred_tokens = block - centre
        nearest_codes, gap = _best_and_gap(torch.addmm(norms, centred_tokens, centred.T, alpha=-2))
        codes.append(nearest_codes)
        gaps.append(gap)
        roundings.append(4 * tokens.shape[1] * product_error * longest * (centred_tokens.norm(dim=1) + longest))
    code, margin = torch.cat(codes), 2 * torch.cat(roundings)
    unsure = (~(torch.cat(gaps) > margin)).nonzero().squeeze(1)  # "not greater" also catches NaN
    for some in unsure.split(step):
        distances = torch.addmm(norms, tokens[some] - centre, centred.T, alpha=-2)
        candidates = (~(distances > distances.amin(1, keepdim=True) + margin[some, None])).nonzero()
        code[some] = _nearest_of(candidates, tokens[some], vectors)
    return code


def _best_and_gap(distances: Float[Tensor, "n k"]) -> tuple[Int[Tensor, "n"], Float[Tensor, "n"]]:
    """Index of the smallest distance of each token, and how much larger the second smallest is."""
    if distances.device.type != "cpu":
        two_best = distances.topk(2, largest=False)
        return two_best.indices[:, 0], two_best.values.diff(dim=1).squeeze(1)
    # NumPy finds a smallest value several times faster than torch does on a processor.
    array = distances.numpy()
    codes = array.argmin(1)
    rows = np.arange(len(array))
    best = array[rows, codes]
    array[rows, codes] = np.inf
    return torch.from_numpy(codes), torch.from_numpy(array.min(1)) - torch.from_numpy(best)


def _nearest_of(
    candidates: Int[Tensor, "p 2"], tokens: Float[Tensor, "n d"], vectors: Float[Tensor, "k d"]
) -> Int[Tensor, "n"]:
    """For each token, the index of its nearest candidate; the lowest index among equals.

    Args:
        candidates: pairs of an index of a token and an index of a vector.
        tokens: the tokens; each has a candidate.
        vectors: the vectors.
    """
    distances = torch.full((len(tokens), len(vectors)), torch.inf, dtype=torch.float64, device=tokens.device)
    for pairs in candidates.split(_PAIRS):
        token, vector = pairs.unbind(1)
        first, second = tokens[token, None].double(), vectors[vector, None].double()
        # With plain differences, identical vectors get identical distances, and argmin takes the first of them.
        apart = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")
        distances[token, vector] = apart.flatten()
    return distances.argmin(1)
