"""The geometry of a codebook alone, on plain tensors: for other projects, and for the analysers.

Everything is computed in float64 and returned so, except codes. A codebook is (K, D), embeddings are (N, D); other
shapes are refused in words rather than by a type.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from robustq.errors import RequestError
from robustq.latent.nearest import nearest

MEMORY = 2**23
"""At most this many distances are held at a time (64 MiB in float64), or those of one point."""

_EXACT = "donot_use_mm_for_euclid_dist"


def nearest_codes(embeddings: Tensor, codebook: Tensor) -> Int[Tensor, "n"]:
    """The code of each embedding: its nearest codebook vector, the lowest index among equals (equation 1).

    Raises:
        RequestError: the shapes do not fit, or there is no vector.
    """
    _check(codebook, embeddings)
    return nearest(embeddings.detach(), codebook.detach().to(embeddings))


@torch.no_grad()
def radii(codebook: Tensor, among: Tensor | None = None) -> Float[Tensor, "k"]:
    """r_i, half the distance from each vector to its nearest other one (section 3.1).

    Args:
        codebook: K vectors.
        among: look for neighbours in these instead, where the codebook is a part of them. A vector equal to l_i counts
            once as l_i itself; a second one is a neighbour at distance 0.

    Returns:
        r_i, infinite where there is no other vector (K = 1).

    Raises:
        RequestError: the codebook is empty or not (K, D).
    """
    _check(codebook)
    vectors = codebook.double()
    others = vectors if among is None else among.double()
    found = []
    for part in vectors.split(max(1, MEMORY // len(others))):
        distances = torch.cdist(part, others, compute_mode=_EXACT)
        # The nearest of all is the vector itself, at distance 0.
        two = distances.topk(min(2, len(others)), largest=False).values
        found.append(two[:, 1] / 2 if len(others) > 1 else torch.full_like(two[:, 0], torch.inf))
    return torch.cat(found)


@torch.no_grad()
def margins(embeddings: Tensor, codebook: Tensor) -> Float[Tensor, "n"]:
    """How far each embedding can move in any direction before its code can change.

    The distance to the nearest face of its Voronoi cell, min over i≠k of (|e-l_i|² - |e-l_k|²) / (2|l_i-l_k|), where
    l_k is its code. Vectors identical to l_k are skipped; where none is left the margin is infinite. A shift shorter
    than the margin leaves the code; half the distance to the next vector, r_k, promises that only to an embedding that
    sits on l_k.

    Raises:
        RequestError: the shapes do not fit, or there is no vector.
    """
    _check(codebook, embeddings)
    codes = nearest_codes(embeddings, codebook)
    # About the codebook's mean the norms are small, and with them the rounding.
    centre = codebook.double().mean(0)
    vectors, points = codebook.double() - centre, embeddings.double() - centre
    norms = vectors.square().sum(1)
    found = []
    for part, chosen in zip(*(tensor.split(max(1, MEMORY // len(vectors))) for tensor in (points, codes)), strict=True):
        present, place = chosen.unique(return_inverse=True)
        apart = torch.cdist(vectors[present], vectors, compute_mode=_EXACT)[place]  # |l_i - l_k|, (n, K)
        # |e-l_i|² - |e-l_k|²; the squares of e itself cancel.
        further = norms - norms[chosen, None] - 2 * (part @ vectors.T - (part * vectors[chosen]).sum(1, keepdim=True))
        faces = torch.where(apart > 0, further / (2 * apart), torch.inf)
        found.append(faces.amin(1).clamp(min=0))
    return torch.cat(found) if found else points.new_zeros(0)


@torch.no_grad()
def uniformity(codebook: Tensor) -> float:
    """Wang and Isola's uniformity of the directions, log mean exp(-2|u-v|²) over pairs of different vectors.

    Vectors of length 0 have no direction and are left out. About -4 for many uniform directions in many dimensions, 0
    where all are equal; NaN for fewer than two. Source: Wang and Isola, ICML 2020, section 4.1.2.

    Raises:
        RequestError: the codebook is empty or not (K, D).
    """
    _check(codebook)
    vectors = codebook.double()
    lengths = torch.linalg.vector_norm(vectors, dim=1)
    units = vectors[lengths > 0] / lengths[lengths > 0, None]
    if len(units) < 2:
        return float("nan")
    total = 0.0
    for part in units.split(max(1, MEMORY // len(units))):
        total += float(torch.exp(-2 * (2 - 2 * part @ units.T)).sum())
    # Each vector beside itself adds exp(0).
    pairs = len(units) * (len(units) - 1)
    return float(torch.tensor((total - len(units)) / pairs, dtype=torch.float64).log())


def _check(codebook: Tensor, embeddings: Tensor | None = None) -> None:
    if codebook.ndim != 2 or not codebook.numel():
        raise RequestError(f"a codebook of shape {tuple(codebook.shape)} was given: it is (K, D), one vector or more")
    if embeddings is not None and (embeddings.ndim != 2 or embeddings.shape[1] != codebook.shape[1]):
        raise RequestError(
            f"embeddings of shape {tuple(embeddings.shape)} do not fit a codebook of shape {tuple(codebook.shape)}: "
            f"give (N, {codebook.shape[1]})"
        )
