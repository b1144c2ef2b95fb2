"""Tables of a codebook: Table 1 of the paper, and a test of the paper's assumption 3."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import count, mean_sd_significant, number, significant

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
    """Two tables: radii and use of the codes (as Table 1 of the paper), and the spread of their vectors.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the lines.
        sample: description of the cases, for the title.
    """
    whole = rows[(rows["case"] == "") & rows["metric"].isin([*_GEOMETRY, *_USE])]
    if whole.empty:
        return []
    with_vectors = whole[whole["model"].isin(set(whole[whole["metric"] == "norm_mean"]["model"]))]
    radii = _radii_grid(whole, models, set(with_vectors["model"]), sample)
    return [radii] if with_vectors.empty else [radii, _spread_grid(with_vectors)]


def codebook_conclusions(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
    """For each stage of each codebook: codes in use, mean radius, and the codes that lie on another one.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the sentences.
    """
    whole = rows[(rows["case"] == "") & (rows["domain"] == "")]
    figures = whole[whole["metric"].isin(["codes_in_use", "codebook_size", "r"])]
    sentences = []
    for model in models:
        for label, of_stage in figures[figures["model"] == model].groupby("label", sort=False):
            stage = str(label)
            values = dict(zip(of_stage["metric"], of_stage["value"], strict=True))
            if "codes_in_use" not in values:
                continue
            radii = rows[(rows["model"] == model) & (rows["metric"] == "r_i")]
            if stage:
                radii = radii[radii["label"].str.startswith(f"{stage}:")]
            doubled = int((radii["value"] == 0).sum())
            parts = [f"{values['codes_in_use']:.0f} of {values['codebook_size']:.0f} codes in use"]
            parts += [f"mean radius r {significant(values['r'])}"] if pd.notna(values.get("r")) else []
            parts += [f"{count(doubled, 'code')} lying exactly on another one"] if doubled else []
            sentences.append(f"{model}{f', stage {stage}' if stage else ''}: {', '.join(parts)}.")
    return sentences


def _radii_grid(whole: pd.DataFrame, models: Sequence[str], with_vectors: set[str], sample: str) -> Grid:
    """Radii over all codes and over codes in use, and the number of codes in use; a section for each domain."""
    sections = []
    for domain, domain_rows in whole[whole["metric"].isin(_USE)].groupby("domain", sort=False):
        lines = []
        for (model, stage), use in domain_rows.groupby(["model", "label"], sort=False):
            stage_rows = whole[(whole["model"] == model) & (whole["label"] == stage)]
            values = dict(zip(stage_rows["metric"], stage_rows["value"], strict=True))
            values.update(zip(use["metric"], use["value"], strict=True))
            lines.append([f"{model} {stage}".strip(), *_cells(values)])
        sections.append((f"codes in use on {domain!s}" if domain else "", lines))
    without = [model for model in models if model not in set(whole["model"])]
    lattices = [model for model in models if model not in with_vectors and model not in without]
    notes = [
        "r_i: the radius of code i, half the distance from its vector to the nearest other vector; mean ± sample sd "
        "over codes. It is given over all K codes, over the codes in use, and over the codes in use when only these "
        "count as neighbours (among these).",
        "r: the mean radius by equation 3 of the paper, the sum of all r_i divided by K-1.",
        "in use: chosen at least once by the unperturbed cases. perplexity: the number of equally used codes that "
        "would be as varied.",
        *[f"{model} has no codebook, so no value applies." for model in without],
        *[f"{model}: its codes have no vectors, so radii and spread do not apply." for model in lattices],
    ]
    return Grid(f"Codebook on {sample}", _HEADER, sections, notes)


def _spread_grid(with_vectors: pd.DataFrame) -> Grid:
    """Assumption 3: norms, mean direction and uniformity, compared with random points on the sphere."""
    lines = []
    for (model, stage), stage_rows in with_vectors.groupby(["model", "label"], sort=False):
        values = dict(zip(stage_rows["metric"], stage_rows["value"], strict=True))
        lines.append(
            [
                f"{model} {stage}".strip(),
                mean_sd_significant(values["norm_mean"], values["norm_cv"] * values["norm_mean"]),
                significant(values["norm_cv"]),
                significant(values["mean_direction"]),
                number(values["uniformity"]),
                f"{number(values['uniformity_sphere_low'])} to {number(values['uniformity_sphere_high'])}",
            ]
        )
    header = ["model", "norm", "norm CV", "mean direction", "uniformity", "random points"]
    note = (
        "Assumption 3 of the paper (codes spread evenly on a sphere) holds where norm CV (the sd of the norms divided "
        "by their mean) and mean direction (the length of the mean unit vector) are near 0, and uniformity lies in the "
        "95 % interval of as many random points on the sphere."
    )
    return Grid("Spread of the codebook's vectors", header, [("", lines)], [note])


def _cells(values: Mapping[str, float]) -> list[str]:
    radii = [
        significant(values.get("r", np.nan)),
        *(
            mean_sd_significant(values.get(f"{metric}_mean", np.nan), values.get(f"{metric}_sd", np.nan))
            for metric in ("r_i", "r_i_used", "r_i_among_used")
        ),
    ]
    return [
        *radii,
        f"{values['codes_in_use']:.0f} of {values['codebook_size']:.0f}",
        number(values["perplexity"], 1),
    ]
