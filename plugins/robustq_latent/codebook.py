"""The analyser `codebook`: does the codebook have many codes in use, evenly spread over a hypersphere?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor

from robustq.analyser import AbstractAnalyser, Finding
from robustq.dataset import Case
from robustq.latent.latents import Latent
from robustq.model.segmenter import Segmenter
from robustq.quantiser import usage
from robustq.report.grid import Grid
from robustq_latent.codebook_findings import geometry, geometry_in_use, use
from robustq_latent.codebook_map import CodebookMap, SampledTokens, map_findings
from robustq_latent.codebook_tables import codebook_conclusions, codebook_grids

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CASES, TOKENS = 64, 64
"""Largest number of cases, and of tokens of each case, whose embeddings are stored for the map."""


class Codebook(AbstractAnalyser):
    """How large, how evenly used and how evenly spread the codes of a codebook are.

    It measures radii, use and spread of the codebook's vectors (sections 2.3 and 3.1 of the paper; its Table 1 has the
    radii).

    Values that depend on use are given for all cases, and also for each domain if there are several. If a quantiser has
    several stages, each stage has its own values. A lattice has codes but no vectors, so only its use is measured.
    """

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model, setting)
        self._samples: list[SampledTokens] = []
        self._counts: dict[str, Int[Tensor, "q k"]] = {}

    @property
    def vectors(self) -> Float[Tensor, "q k d"] | None:
        """The codebook vectors of each stage; None if there are none."""
        vectors = None if self.model.quantiser is None else self.model.quantiser.vectors
        return None if vectors is None else vectors.detach()

    def clean(self, case: Case, latent: Latent) -> None:
        """Count the codes that one unperturbed case uses, and store some of its embeddings for the map."""
        capacity = None if self.model.quantiser is None else self.model.quantiser.capacity
        if latent.codes is None or capacity is None:
            return
        if self.vectors is not None and len(self._samples) < CASES:
            self._samples.append(SampledTokens.evenly(case.entry, latent.embedding[0], TOKENS))
        counts = usage(latent.codes.transpose(1, 2).cpu(), capacity[1])
        for domain in {"", case.entry.domain}:
            self._counts[domain] = self._counts.get(domain, torch.zeros_like(counts)) + counts

    def findings(self) -> Iterable[Finding]:
        """Geometry and use of each stage, the use also in each domain; and the map of the first stage."""
        if not self._counts:
            return
        vectors, stages = self.vectors, len(self._counts[""])
        domains = list(self._counts) if len(self._counts) > 2 else [""]
        for stage in range(stages):
            prefix = f"{stage}:" if stages > 1 else ""
            stage_vectors = None if vectors is None else vectors[stage]
            yield Finding("codebook_size", float(self._counts[""].shape[1]), label=prefix.rstrip(":"))
            if stage_vectors is not None:
                yield from geometry(stage_vectors, prefix)
            for domain in domains:
                counts = self._counts[domain][stage]
                yield from use(counts, prefix, domain)
                if stage_vectors is not None:
                    used = (counts > 0).to(stage_vectors.device)
                    yield from geometry_in_use(stage_vectors, used, prefix, domain)
        if vectors is not None:
            yield from map_findings(self._samples, vectors[0].cpu(), "0:" if stages > 1 else "")

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """How many codes live, how large they are, and how many lie on one spot."""
        return codebook_conclusions(rows, models)

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """Two tables: radii and use of the codes (as Table 1 of the paper), and the spread of their vectors."""
        return codebook_grids(rows, models, sample=sample)

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """For each model a histogram of r_i, with used and unused codes apart, and a map of codebook and embeddings."""
        from robustq_latent.codebook_figures import codebook_map_figure, radius_histogram

        figures = {}
        for model in _with_vectors(rows, models):
            model_rows = rows[rows["model"] == model]
            figures[f"radii-{model}"] = radius_histogram(model_rows)
            places = CodebookMap.read(model_rows)
            if places is not None:
                figures[f"codebook-{model}"] = codebook_map_figure(places)
        return figures

    @classmethod
    def missing_figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """Names of the maps that cannot be drawn, because the rows do not hold the places of vectors and embeddings."""
        return [
            f"codebook-{model}"
            for model in _with_vectors(rows, models)
            if CodebookMap.read(rows[rows["model"] == model]) is None
        ]


def _with_vectors(rows: pd.DataFrame, models: Sequence[str]) -> list[str]:
    with_vectors = set(rows[rows["metric"] == "r_i"]["model"])
    return [model for model in models if model in with_vectors]
