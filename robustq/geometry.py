"""The geometry of a codebook as functions of plain tensors, for the analysers and for other projects.

Everything is computed and returned in float64, except codes. A codebook is (K, D) and embeddings are (N, D); for other
shapes the functions raise a `RequestError`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from robustq.errors import RequestError
from robustq.latent.nearest import nearest

MEMORY = 2**23
"""At most this many distances are in memory at a time (64 MiB in float64), or the distances of one point."""

_EXACT = "donot_use_mm_for_euclid_dist"


def nearest_codes(embeddings: Tensor, codebook: Tensor) -> Int[Tensor, "n"]:
    """The code of each embedding: the index of its nearest codebook vector, the lowest among equals (equation 1).

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
        among: vectors in which neighbours are searched; the codebook must be a part of them. None searches in the
            codebook. A vector equal to l_i counts once as l_i itself; a second equal vector is a neighbour at
            distance 0.

    Returns:
        r_i of each vector; infinity where there is no other vector (K = 1).

    Raises:
        RequestError: the codebook is empty or not (K, D).
    """
    _check(codebook)
    vectors = codebook.double()
    others = vectors if among is None else among.double()
    halves = []
    for chunk in vectors.split(max(1, MEMORY // len(others))):
        distances = torch.cdist(chunk, others, compute_mode=_EXACT)
        # The nearest vector of all is the vector itself, at distance 0.
        smallest = distances.topk(min(2, len(others)), largest=False).values
        halves.append(smallest[:, 1] / 2 if len(others) > 1 else torch.full_like(smallest[:, 0], torch.inf))
    return torch.cat(halves)


@torch.no_grad()
def margins(embeddings: Tensor, codebook: Tensor) -> Float[Tensor, "n"]:
    """How far each embedding can move in any direction before its code can change.

    The margin is the distance to the nearest face of the embedding's Voronoi cell, min over i≠k of
    (|e-l_i|² - |e-l_k|²) / (2|l_i-l_k|), where l_k is the vector of its code. Vectors identical to l_k are skipped;
    where none is left, the margin is infinite. A shift shorter than the margin does not change the code. Half the
    distance to the next vector, r_k, guarantees this only for an embedding that is equal to l_k.

    Raises:
        RequestError: the shapes do not fit, or there is no vector.
    """
    _check(codebook, embeddings)
    codes = nearest_codes(embeddings, codebook)
    # With the codebook's mean as the origin, norms are small, and so are rounding errors.
    centre = codebook.double().mean(0)
    vectors, points = codebook.double() - centre, embeddings.double() - centre
    norms = vectors.square().sum(1)
    count = max(1, MEMORY // len(vectors))
    smallest = []
    for chunk, chosen in zip(points.split(count), codes.split(count), strict=True):
        present, place = chosen.unique(return_inverse=True)
        apart = torch.cdist(vectors[present], vectors, compute_mode=_EXACT)[place]  # |l_i - l_k|, (n, K)
        # |e-l_i|² - |e-l_k|²; the square of e cancels.
        further = norms - norms[chosen, None] - 2 * (chunk @ vectors.T - (chunk * vectors[chosen]).sum(1, keepdim=True))
        faces = torch.where(apart > 0, further / (2 * apart), torch.inf)
        smallest.append(faces.amin(1).clamp(min=0))
    return torch.cat(smallest) if smallest else points.new_zeros(0)


@torch.no_grad()
def uniformity(codebook: Tensor) -> float:
    """Wang and Isola's uniformity of the directions, log mean exp(-2|u-v|²) over pairs of different vectors.

    Vectors of length 0 have no direction and are left out. The value is about -4 for many uniform directions in many
    dimensions, 0 where all directions are equal, and NaN for fewer than two. Source: Wang and Isola, ICML 2020,
    section 4.1.2.

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
    for chunk in units.split(max(1, MEMORY // len(units))):
        total += float(torch.exp(-2 * (2 - 2 * chunk @ units.T)).sum())
    # The pair of each vector with itself adds exp(0); it is subtracted below.
    pairs = len(units) * (len(units) - 1)
    return float(torch.tensor((total - len(units)) / pairs, dtype=torch.float64).log())


def _check(codebook: Tensor, embeddings: Tensor | None = None) -> None:
    for vectors in (codebook, embeddings):
        if vectors is not None and not isinstance(vectors, Tensor):
            raise RequestError(
                f"vectors were given as a {type(vectors).__name__}: give tensors, as torch.as_tensor makes"
            )
    if codebook.ndim != 2 or not codebook.numel():
        raise RequestError(f"a codebook of shape {tuple(codebook.shape)} was given: give (K, D), one vector or more")
    if embeddings is not None and (embeddings.ndim != 2 or embeddings.shape[1] != codebook.shape[1]):
        raise RequestError(
            f"embeddings of shape {tuple(embeddings.shape)} do not fit a codebook of shape {tuple(codebook.shape)}: "
            f"give (N, {codebook.shape[1]})"
        )
