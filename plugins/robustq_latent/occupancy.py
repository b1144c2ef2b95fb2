"""Where codes sit: which anatomy a code stands for, and how far a domain's tokens lie from the codebook."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from robustq.analyser import AbstractAnalyser, Finding
from robustq.dataset import Case, Entry
from robustq.geometry import nearest_codes, radii
from robustq.latent import Latent
from robustq.report.grid import Grid
from robustq.report.numbers import number
from robustq.report.values import Values
from robustq.segmenter import Segmenter
from robustq_latent.space import space_findings, space_notes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = 3
"""Cases whose code maps are drawn."""

CODES = 16
"""Codes that the table of anatomy shows, the most frequent ones."""

BACKGROUND = "background"


@dataclass(frozen=True)
class CodeMap:
    """A case's image with the codes of its tokens; of a volume the middle slice of both.

    Attributes:
        case: case id.
        image: first channel.
        codes: of the first stage.
    """

    case: str
    image: Float[Tensor, "h w"]
    codes: Int[Tensor, "th tw"]


class Occupancy(AbstractAnalyser):
    """Which anatomy each code stands for, and how many tokens of each domain lie far from their code.

    The paper's "atlas in latent space", and its explanation of a drop under domain shift, put to the test.

    A token covers the part of the image that its place on the grid covers; the labels of its voxels count for its
    code by their share. A token at |e - l_k| > r_k lies outside the ball that the paper draws around its code. Of
    several stages, the first.
    """

    def __init__(self, model: Segmenter, setting: str = "") -> None:
        super().__init__(model, setting)
        vectors = None if model.quantiser is None else model.quantiser.vectors
        self._vectors = None if vectors is None else vectors[0].detach()
        self._radii = None if self._vectors is None else radii(self._vectors)
        self._histogram: dict[int, Float[Tensor, " l"]] = {}
        self._labels: tuple[str, ...] = ()
        self._beyond: list[Finding] = []
        self.maps: list[CodeMap] = []

    def clean(self, case: Case, latent: Latent) -> None:
        """Count labels by code; measure distances."""
        if latent.codes is None:
            return
        codes = latent.codes[0, :, 0]
        if len(self.maps) < PICTURES:
            self.maps.append(_map(case, codes.cpu().unflatten(0, latent.grid)))
        self._labels = (*case.labels, BACKGROUND)
        shares = label_shares(case, latent.grid)  # (L + 1, P)
        for code in codes.unique().tolist():
            seen = shares[:, codes.cpu() == code].sum(1)
            self._histogram[code] = self._histogram.get(code, torch.zeros_like(seen)) + seen
        if self._vectors is not None:
            self._beyond += self._distances(latent.embedding[0], case.entry)

    def _distances(self, tokens: Float[Tensor, "p d"], entry: Entry) -> Iterable[Finding]:
        assert self._vectors is not None, "the caller looked"
        assert self._radii is not None, "radii go with vectors"
        codes = nearest_codes(tokens, self._vectors)
        away = (tokens.double() - self._vectors[codes].double()).norm(dim=1)
        yield Finding("beyond_radius", float((away > self._radii[codes]).double().mean()), entry=entry)
        yield Finding("distance_to_code", float(away.mean()), entry=entry)
        yield Finding("radius_of_code", float(self._radii[codes].mean()), entry=entry)

    def findings(self) -> Iterable[Finding]:
        """Of each code the share of each label; of each case how far its tokens lie."""
        for code, seen in sorted(self._histogram.items()):
            total = float(seen.sum())
            for label, share in zip(self._labels, seen.tolist(), strict=True):
                yield Finding(f"label_share:{label}", share / total if total else None, label=str(code))
            yield Finding("code_tokens", total, label=str(code))
        yield from self._beyond
        yield from space_findings(self.model)

    @classmethod
    def grids(cls, rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
        """Distances by domain; labels by code."""
        grids = []
        measured = rows[rows["metric"].isin(_DISTANCES)]
        if not measured.empty:
            sections = []
            for domain, part in measured.groupby("domain", sort=False):
                values = Values(part)
                lines = [
                    [
                        model,
                        values.cell(model, "beyond_radius", "clean", 0.0, 3),
                        *(values.cell(model, metric, "clean", 0.0) for metric in _DISTANCES[1:]),
                    ]
                    for model in models
                    if model in set(part["model"])
                ]
                sections.append((str(domain), lines))
            header = ["model", "|e - l_k| > r_k", "|e - l_k|", "r_k"]
            notes = ["share of tokens, and means over tokens; mean ± sd over groups; clean cases", *space_notes(rows)]
            grids.append(Grid(f"Tokens beyond the radius of their code on {sample}", header, sections, notes))
        shares = rows[rows["metric"].str.startswith("label_share:")]
        if not shares.empty:
            grids.append(_atlas(shares, rows[rows["metric"] == "code_tokens"], sample))
        return grids

    @classmethod
    def figures(cls, rows: pd.DataFrame, analysers: "Mapping[str, AbstractAnalyser]") -> "Mapping[str, Figure]":
        """Code maps over images, a figure a model."""
        from robustq_latent.code_maps import code_map_figure

        figures = {}
        for model, analyser in analysers.items():
            assert isinstance(analyser, Occupancy)
            if analyser.maps:
                figures[f"code-maps-{model}"] = code_map_figure(analyser.maps)
        return figures


_DISTANCES = ("beyond_radius", "distance_to_code", "radius_of_code")


def label_shares(case: Case, grid: tuple[int, ...]) -> Float[Tensor, "l p"]:
    """Of each token the share of each label and, last, of background, in the part of the image it covers.

    Ignored voxels count for none; labels may overlap.
    """
    mask = case.mask
    everything = torch.cat([mask, ~mask.any(0, keepdim=True)])
    if case.ignored is not None:
        everything = everything & ~case.ignored
    if case.slice_axis is not None:
        everything = everything.movedim(case.slice_axis + 1, 1)
    covered = everything.double()[None]
    if len(grid) == 2:
        return F.adaptive_avg_pool2d(covered, (grid[0], grid[1]))[0].flatten(1)
    return F.adaptive_avg_pool3d(covered, (grid[0], grid[1], grid[2]))[0].flatten(1)


def _map(case: Case, codes: Tensor) -> CodeMap:
    image = case.image[0]
    if case.slice_axis is not None:
        image = image.movedim(case.slice_axis, 0)
    while image.ndim > 2:
        # The token layer that covers the middle of the first axis.
        image, codes = image[len(image) // 2], codes[len(codes) // 2]
    return CodeMap(case.entry.id, image.cpu(), codes)


def _atlas(shares: pd.DataFrame, tokens: pd.DataFrame, sample: str) -> Grid:
    labels = [str(metric).removeprefix("label_share:") for metric in shares["metric"].unique()]
    sections = []
    left = []
    for model, part in shares.groupby("model", sort=False):
        table = dict(zip(zip(part["label"], part["metric"], strict=True), part["value"], strict=True))
        weight = tokens[tokens["model"] == model].set_index("label")["value"].sort_values(ascending=False)
        if len(weight) > CODES:
            left.append(f"{model}: the {CODES} most frequent of {len(weight)} codes in use")
        lines = [
            [
                str(code),
                number(float(weight[code] / weight.sum())),
                *(number(table[code, f"label_share:{label}"], 2) for label in labels),
            ]
            for code in weight.index[:CODES]
        ]
        sections.append((str(model), lines))
    notes = ["share of a code's area that each label covers, clean cases pooled; tokens: the code's part of all", *left]
    return Grid(f"Which anatomy a code stands for, on {sample}", ["code", "tokens", *labels], sections, notes)
