"""Table 1 of the paper, and the test of its assumption 3."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import mean_sd_significant, number, significant

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


def codebook_grids(rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
    """Table 1 with the radii of the codes in use and their number, and a table of assumption 3.

    Args:
        rows: of a whole analysis.
        models: in the order in which they are to stand.
        sample: what was measured, for the title.
    """
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
