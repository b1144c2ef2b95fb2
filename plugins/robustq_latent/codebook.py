"""Is the codebook what the paper assumes: many codes in use, evenly spread over a hypersphere?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from robustq.analyser import AbstractAnalyser, Finding
from robustq.dataset import Case
from robustq.geometry import radii, uniformity
from robustq.latent import Latent
from robustq.quantiser import perplexity, usage
from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd_significant, number, significant
from robustq.segmenter import Segmenter
from robustq_latent.sphere import sphere_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SAMPLE = (64, 64)
"""Cases, and tokens of each, whose embeddings are kept for the map."""


class Codebook(AbstractAnalyser):
    """How large, how evenly used and how evenly spread the codes of a codebook are.

    Radii, use and spread of the codebook's vectors (sections 2.3 and 3.1, Table 1).

    What depends on use is given for all cases, and for each domain where there are several. A quantiser of several
    stages has its stages told apart. A lattice has codes and no vectors: its use is given, and no geometry.
    """

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model, setting)
        self.sample: list[Float[Tensor, "n d"]] = []
        self._counts: dict[str, Int[Tensor, "q k"]] = {}

    @property
    def vectors(self) -> Float[Tensor, "q k d"] | None:
        """The codebook vectors of each stage, or None where there are none."""
        vectors = None if self.model.quantiser is None else self.model.quantiser.vectors
        return None if vectors is None else vectors.detach()

    def clean(self, case: Case, latent: Latent) -> None:
        """Count the codes; keep some embeddings."""
        if len(self.sample) < SAMPLE[0]:
            tokens = latent.embedding[0]
            self.sample.append(tokens[:: max(1, len(tokens) // SAMPLE[1])][: SAMPLE[1]].cpu())
        capacity = None if self.model.quantiser is None else self.model.quantiser.capacity
        if latent.codes is None or capacity is None:
            return
        counts = usage(latent.codes.transpose(1, 2).cpu(), capacity[1])
        for domain in {"", case.entry.domain}:
            self._counts[domain] = self._counts.get(domain, torch.zeros_like(counts)) + counts

    def findings(self) -> Iterable[Finding]:
        """Geometry of each stage, and use of it in each domain."""
        if not self._counts:
            return
        vectors, stages = self.vectors, len(self._counts[""])
        domains = list(self._counts) if len(self._counts) > 2 else [""]
        for stage in range(stages):
            prefix = f"{stage}:" if stages > 1 else ""
            own = None if vectors is None else vectors[stage]
            yield Finding("codebook_size", float(self._counts[""].shape[1]), label=prefix.rstrip(":"))
            if own is not None:
                yield from _geometry(own, prefix)
            for domain in domains:
                counts = self._counts[domain][stage]
                yield from _use(counts, prefix, domain)
                if own is not None:
                    yield from _geometry_in_use(own, (counts > 0).to(own.device), prefix, domain)

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """Table 1 with what it leaves out: radii of the codes in use, how many these are, and assumption 3."""
        whole = rows[(rows["case"] == "") & rows["metric"].isin([*_GEOMETRY, *_USE])]
        sections: list[tuple[str, list[list[str]]]] = []
        for domain, part in whole[whole["metric"].isin(_USE)].groupby("domain", sort=False):
            lines = []
            for (model, stage), described in part.groupby(["model", "label"], sort=False):
                own = whole[(whole["model"] == model) & (whole["label"] == stage)]
                every = dict(zip(own["metric"], own["value"], strict=True))
                every.update(zip(described["metric"], described["value"], strict=True))
                lines.append([f"{model} {stage}".strip(), *_cells(every)])
            sections.append((f"codes in use on {domain!s}" if domain else "", lines))
        without = [model for model in models if model not in set(whole["model"])]
        placed = set(whole[whole["metric"] == "norm_mean"]["model"])
        lattices = [model for model in models if model not in placed and model not in without]
        notes = [
            "r: equation 3 as printed, the sum of r_i over K-1; r_i: half the distance from a vector to its nearest "
            "other one, mean ± sample sd over codes; in use: chosen at least once on the clean cases; among these: "
            "neighbours looked for among the codes in use",
            *[f"{model}: no codebook, so none of these apply" for model in without],
            *[f"{model}: codes without vectors of their own, so radii and spread do not apply" for model in lattices],
        ]
        spread = [
            "assumption 3, vectors evenly spread over a hypersphere: norm CV 0, mean direction 0, and uniformity "
            "within the interval of as many random points on the sphere (95 %, Monte Carlo)"
        ]
        if not sections:
            return []
        one = Grid(f"Codebook on {sample}", _HEADER, sections, notes)
        lines = []
        for (model, stage), own in whole[whole["model"].isin(placed)].groupby(["model", "label"], sort=False):
            found = dict(zip(own["metric"], own["value"], strict=True))
            interval = f"{number(found['uniformity_sphere_low'])} to {number(found['uniformity_sphere_high'])}"
            lines.append(
                [
                    f"{model} {stage}".strip(),
                    mean_sd_significant(found["norm_mean"], found["norm_cv"] * found["norm_mean"]),
                    significant(found["norm_cv"]),
                    significant(found["mean_direction"]),
                    number(found["uniformity"]),
                    interval,
                ]
            )
        header = ["model", "norm", "norm CV", "mean direction", "uniformity", "random points"]
        return [one, Grid("Spread of the codebook's vectors", header, [("", lines)], spread)] if lines else [one]

    @classmethod
    def figures(cls, rows: pd.DataFrame, analysers: "Mapping[str, AbstractAnalyser]") -> "Mapping[str, Figure]":
        """Histogram of r_i, used and unused codes apart; map of codebook and embeddings."""
        from robustq_latent.codebook_figures import codebook_map, radius_histogram

        figures = {}
        for model, analyser in analysers.items():
            assert isinstance(analyser, Codebook)
            if analyser.vectors is None:
                continue
            own = rows[rows["model"] == model]
            figures[f"radii-{model}"] = radius_histogram(own)
            figures[f"codebook-{model}"] = codebook_map(
                analyser.vectors[0].cpu(), torch.cat(analyser.sample), analyser._counts[""][0]
            )
        return figures


_GEOMETRY = (
    "r",
    "r_i_mean",
    "r_i_sd",
    "codebook_size",
    "norm_mean",
    "norm_cv",
    "mean_direction",
    "uniformity",
    "uniformity_sphere_low",
    "uniformity_sphere_high",
)
_USE = (
    "codes_in_use",
    "utilisation",
    "perplexity",
    "r_i_used_mean",
    "r_i_used_sd",
    "r_i_among_used_mean",
    "r_i_among_used_sd",
)
_HEADER = ["model", "r", "r_i, all K", "r_i, in use", "r_i, among these", "codes in use", "perplexity"]


def _geometry(vectors: Float[Tensor, "k d"], stage: str) -> Iterable[Finding]:
    """What the vectors say whatever the data."""
    name = stage.rstrip(":")
    found = radii(vectors)
    count = len(vectors)
    r = None if count == 1 else float(found.sum()) / (count - 1)
    yield Finding("r", r, label=name, reason="K = 1: no neighbour" if r is None else "")
    yield from _mean_sd("r_i", found, name)
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
    for code, radius in enumerate(found.tolist()):
        yield Finding("r_i", radius, label=f"{stage}{code}")
    if count > 1:
        for code, neighbour in enumerate(_neighbours(vectors)):
            yield Finding("nearest_neighbour", float(neighbour), label=f"{stage}{code}")


def _use(counts: Int[Tensor, " k"], stage: str, domain: str) -> Iterable[Finding]:
    """What the data make of the codes."""
    name = stage.rstrip(":")
    used = counts > 0
    yield Finding("codes_in_use", float(used.sum()), label=name, domain=domain)
    yield Finding("utilisation", float(used.double().mean()), label=name, domain=domain)
    yield Finding("perplexity", float(perplexity(counts[None])), label=name, domain=domain)
    for code, count in zip(used.nonzero().flatten().tolist(), counts[used].tolist(), strict=True):
        yield Finding("code_usage", float(count), label=f"{stage}{code}", domain=domain)


def _geometry_in_use(
    vectors: Float[Tensor, "k d"], used: Bool[Tensor, " k"], stage: str, domain: str
) -> Iterable[Finding]:
    """What the vectors say that the data use."""
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
    """The nearest other vector of each, the lowest index among equals."""
    found = []
    wide = vectors.double()
    for place in range(len(wide)):
        distances = (wide - wide[place]).square().sum(1)
        distances[place] = torch.inf
        found.append(int(distances.argmin()))
    return found


def _cells(found: Mapping[str, float]) -> list[str]:
    radii = [
        significant(found.get("r", np.nan)),
        *(
            mean_sd_significant(found.get(f"{part}_mean", np.nan), found.get(f"{part}_sd", np.nan))
            for part in ("r_i", "r_i_used", "r_i_among_used")
        ),
    ]
    return [
        *radii,
        f"{found['codes_in_use']:.0f} of {found['codebook_size']:.0f}",
        number(found["perplexity"], 1),
    ]
