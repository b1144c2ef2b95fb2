"""The analyser `occupancy`: which anatomy a code stands for, and how far tokens lie from the codebook."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from robustq.analyser import AbstractAnalyser, Finding
from robustq.dataset import Case, Entry
from robustq.geometry import margins, nearest_codes, radii
from robustq.latent.latents import Latent
from robustq.model.segmenter import Segmenter
from robustq.model.windows import windows_of
from robustq.report.grid import Grid
from robustq.statistics.group_means import group_means
from robustq_latent.code_maps import CodeMap, code_maps, shown_cases
from robustq_latent.occupancy_tables import occupancy_grids
from robustq_latent.space import space_findings
from robustq_latent.window_cases import window_cases

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = 3
"""Number of cases, the first ones, whose code maps are stored and drawn."""

BACKGROUND = "background"


class Occupancy(AbstractAnalyser):
    """Which anatomy each code stands for, and how many tokens of each domain lie far from their code.

    It tests the paper's "atlas in latent space", and the paper's explanation of lower scores under domain shift.

    A token covers the part of the image that its place on the grid covers. The labels of the voxels in this part count
    for the token's code, by their share. A token with |e - l_k| > r_k lies outside the ball that the paper draws around
    its code; one with |e - l_k| > m lies farther from its code than from the nearest face of its Voronoi cell. If a
    quantiser has several stages, only the first is analysed. A model with a patch has the tokens of all its windows,
    and its code maps show the window in the middle.
    """

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model, setting)
        vectors = None if model.quantiser is None else model.quantiser.vectors
        self._vectors = None if vectors is None else vectors[0].detach()
        self._radii = None if self._vectors is None else radii(self._vectors)
        self._histogram: dict[int, Float[Tensor, " l"]] = {}
        self._labels: tuple[str, ...] = ()
        self._distances: list[Finding] = []
        self._maps: list[tuple[Entry, CodeMap]] = []

    def clean(self, case: Case, latent: Latent) -> None:
        """Add one unperturbed case: its labels by code, its distances, and its code map if it is one of the first."""
        if latent.codes is None:
            return
        codes = latent.codes[0, :, 0]
        windows = windows_of(self.model.spec.preparation)
        parts = window_cases(case, windows)
        grid = latent.grid if windows is None else latent.grid[-len(windows.size) :]
        if len(self._maps) < PICTURES:
            middle = len(parts) // 2
            maps = codes.unflatten(0, (len(parts), *grid))
            self._maps.append((case.entry, CodeMap.of_case(parts[middle], maps[middle])))
        self._labels = (*case.labels, BACKGROUND)
        shares = torch.cat([label_shares(part, grid) for part in parts], 1)  # (L + 1, P)
        for code in codes.unique().tolist():
            area = shares[:, codes.cpu() == code].sum(1)
            self._histogram[code] = self._histogram.get(code, torch.zeros_like(area)) + area
        if self._vectors is not None:
            self._distances += self._measure(latent.embedding[0], case.entry)

    def _measure(self, tokens: Float[Tensor, "p d"], entry: Entry) -> Iterable[Finding]:
        assert self._vectors is not None, "the caller checked it"
        assert self._radii is not None, "there are radii if there are vectors"
        codes = nearest_codes(tokens, self._vectors)
        away = (tokens.double() - self._vectors[codes].double()).norm(dim=1)
        yield Finding("beyond_radius", float((away > self._radii[codes]).double().mean()), entry=entry)
        beyond_margin = away > margins(tokens, self._vectors)
        yield Finding("beyond_margin", float(beyond_margin.double().mean()), entry=entry)
        yield Finding("distance_to_code", float(away.mean()), entry=entry)
        yield Finding("radius_of_code", float(self._radii[codes].mean()), entry=entry)

    def findings(self) -> Iterable[Finding]:
        """The share of each label in the area of each code, the distances of each case, and the code maps."""
        for code, area in sorted(self._histogram.items()):
            total = float(area.sum())
            for label, label_area in zip(self._labels, area.tolist(), strict=True):
                yield Finding(f"label_share:{label}", label_area / total if total else None, label=str(code))
            yield Finding("code_tokens", total, label=str(code))
        yield from self._distances
        yield from space_findings(self.model)
        for entry, code_map in self._maps:
            yield from code_map.findings(entry)

    @classmethod
    def conclusions(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """How many tokens lie farther from their code than its radius, which then guarantees nothing for them."""
        beyond = rows[rows["metric"] == "beyond_radius"]
        return [
            f"{model}: {100 * share:.3g} % of the tokens lie farther from their code than its radius r_k, so that r_k "
            "bounds no shift of them."
            for model in models
            if not math.isnan(share := float(group_means(beyond[beyond["model"] == model])["value"].mean()))
        ]

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """A table of distances for each domain, and one of labels for each code."""
        return occupancy_grids(rows, models, sample=sample)

    @classmethod
    def figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> "Mapping[str, Figure]":
        """Code maps over images, a figure for each model."""
        from robustq_latent.code_map_figures import code_map_figure

        maps = {model: code_maps(rows[rows["model"] == model]) for model in models}
        title = shown_cases(rows)
        return {f"code-maps-{model}": code_map_figure(of_model, title) for model, of_model in maps.items() if of_model}

    @classmethod
    def missing_figures(cls, rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
        """Names of the code maps that cannot be drawn, because the rows have codes but no maps."""
        with_codes = set(rows[rows["metric"] == "code_tokens"]["model"])
        return [
            f"code-maps-{model}"
            for model in models
            if model in with_codes and not code_maps(rows[rows["model"] == model])
        ]


def label_shares(case: Case, grid: tuple[int, ...]) -> Float[Tensor, "l p"]:
    """For each token, the share of each label and, last, of background, in the part of the image that it covers.

    Ignored voxels count for no label. Labels may overlap.
    """
    truth = case.truth
    everything = torch.cat([truth, ~truth.any(0, keepdim=True)])
    if case.ignored is not None:
        everything = everything & ~case.ignored
    if case.slice_axis is not None:
        everything = everything.movedim(case.slice_axis + 1, 1)
    covered = everything.double()[None]
    if len(grid) == 2:
        return F.adaptive_avg_pool2d(covered, (grid[0], grid[1]))[0].flatten(1)
    return F.adaptive_avg_pool3d(covered, (grid[0], grid[1], grid[2]))[0].flatten(1)
