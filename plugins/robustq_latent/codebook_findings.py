"""Measures a codebook: its radii, its spread over the sphere, and its use."""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from robustq.analyser import Finding
from robustq.geometry import radii, uniformity
from robustq.quantiser import perplexity
from robustq_latent.sphere import sphere_interval


def geometry(vectors: Float[Tensor, "k d"], stage: str) -> Iterable[Finding]:
    """Radii, norms and spread of the vectors of one stage, which do not depend on the data.

    Args:
        vectors: vectors of the stage.
        stage: prefix of the labels of codes: "0:", "1:", ... if the quantiser has several stages, else "".
    """
    name = stage.rstrip(":")
    every_radius = radii(vectors)
    count = len(vectors)
    r = None if count == 1 else float(every_radius.sum()) / (count - 1)
    yield Finding("r", r, label=name, reason="K = 1: no neighbour" if r is None else "")
    yield from _mean_sd("r_i", every_radius, name)
    norms = vectors.double().norm(dim=1)
    yield Finding("norm_mean", float(norms.mean()), label=name)
    sd = float(norms.std(correction=0))
    yield Finding("norm_cv", sd / float(norms.mean()) if norms.mean() > 0 else None, label=name)
    units = vectors.double()[norms > 0] / norms[norms > 0, None]
    yield Finding("mean_direction", float(units.mean(0).norm()) if len(units) else None, label=name)
    spread = uniformity(vectors)
    low, high = sphere_interval(len(units), vectors.shape[1])
    for metric, value in (("", spread), ("_sphere_low", low), ("_sphere_high", high)):
        yield Finding(f"uniformity{metric}", None if np.isnan(value) else value, label=name)
    for code, radius in enumerate(every_radius.tolist()):
        yield Finding("r_i", radius, label=f"{stage}{code}")
    if count > 1:
        for code, neighbour in enumerate(_neighbours(vectors)):
            yield Finding("nearest_neighbour", float(neighbour), label=f"{stage}{code}")


def use(counts: Int[Tensor, " k"], stage: str, domain: str) -> Iterable[Finding]:
    """The use of the codes of one stage by the data.

    Args:
        counts: how often each code was chosen.
        stage: as in `geometry`.
        domain: domain of the data; "" for all.
    """
    name = stage.rstrip(":")
    used = counts > 0
    yield Finding("codes_in_use", float(used.sum()), label=name, domain=domain)
    yield Finding("utilisation", float(used.double().mean()), label=name, domain=domain)
    yield Finding("perplexity", float(perplexity(counts[None])), label=name, domain=domain)
    for code, count in zip(used.nonzero().flatten().tolist(), counts[used].tolist(), strict=True):
        yield Finding("code_usage", float(count), label=f"{stage}{code}", domain=domain)


def geometry_in_use(
    vectors: Float[Tensor, "k d"], used: Bool[Tensor, " k"], stage: str, domain: str
) -> Iterable[Finding]:
    """Radii of the vectors that the data use, among all vectors and among the used ones.

    Args:
        vectors: vectors of one stage.
        used: whether each vector was chosen at least once.
        stage: as in `geometry`.
        domain: domain of the data; "" for all.
    """
    name = stage.rstrip(":")
    yield from _mean_sd("r_i_used", radii(vectors)[used], name, domain)
    among = radii(vectors[used])
    yield from _mean_sd("r_i_among_used", among, name, domain)
    for code, radius in zip(used.nonzero().flatten().tolist(), among.tolist(), strict=True):
        yield Finding("r_i_among_used", radius, label=f"{stage}{code}", domain=domain)


def _mean_sd(metric: str, values: Tensor, label: str, domain: str = "") -> Iterable[Finding]:
    yield Finding(f"{metric}_mean", float(values.mean()), label=label, domain=domain)
    spread = len(values) > 1 and bool(values.isfinite().all())
    yield Finding(f"{metric}_sd", float(values.std()) if spread else None, label=label, domain=domain)


def _neighbours(vectors: Float[Tensor, "k d"]) -> list[int]:
    """For each vector the index of its nearest other vector; the lowest index among equal distances."""
    neighbours = []
    wide = vectors.double()
    for place in range(len(wide)):
        distances = (wide - wide[place]).square().sum(1)
        distances[place] = torch.inf
        neighbours.append(int(distances.argmin()))
    return neighbours
