"""Tables of occupancy: the distance of tokens from their codes in each domain, and the anatomy of each code."""

from collections.abc import Sequence

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import number
from robustq.report.values import Values
from robustq_latent.space import space_notes

CODES = 16
"""Number of codes, the most frequent ones, that the table of anatomy shows."""

_SHARES = ("beyond_radius", "beyond_margin")
_MEANS = ("distance_to_code", "radius_of_code")


def occupancy_grids(rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
    """A table of distances for each domain, and one of labels for each code.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the lines.
        sample: description of the cases, for the titles.
    """
    grids = []
    measured = rows[rows["metric"].isin([*_SHARES, *_MEANS])]
    if not measured.empty:
        sections = []
        for domain, domain_rows in measured.groupby("domain", sort=False):
            values = Values(domain_rows)
            lines = [
                [
                    model,
                    *(values.cell(model, share, "clean", 0.0, 3) for share in _SHARES),
                    *(values.cell(model, mean, "clean", 0.0) for mean in _MEANS),
                ]
                for model in models
                if model in set(domain_rows["model"])
            ]
            sections.append((str(domain), lines))
        header = ["model", "|e - l_k| > r_k", "|e - l_k| > m", "|e - l_k|", "r_k"]
        notes = [
            "|e - l_k|: the distance from a token to the vector of its code. r_k: the radius of this code. m: the "
            "exact margin, the distance from the token to the nearest face of its Voronoi cell.",
            "The first two columns are shares of tokens, the others are means over tokens; then mean ± sd over groups "
            "(patients), on unperturbed cases.",
            *space_notes(rows),
        ]
        grids.append(Grid(f"Tokens beyond the radius of their code on {sample}", header, sections, notes))
    shares = rows[rows["metric"].str.startswith("label_share:")]
    if not shares.empty:
        grids.append(_atlas(shares, rows[rows["metric"] == "code_tokens"], sample))
    return grids


def _atlas(shares: pd.DataFrame, tokens: pd.DataFrame, sample: str) -> Grid:
    labels = [str(metric).removeprefix("label_share:") for metric in shares["metric"].unique()]
    sections = []
    shortened = []
    for model, model_rows in shares.groupby("model", sort=False):
        labels_and_metrics = zip(model_rows["label"], model_rows["metric"], strict=True)
        table = dict(zip(labels_and_metrics, model_rows["value"], strict=True))
        weight = tokens[tokens["model"] == model].set_index("label")["value"].sort_values(ascending=False)
        if len(weight) > CODES:
            shortened.append(f"{model}: the table shows the {CODES} most frequent of {len(weight)} codes in use.")
        lines = [
            [
                str(code),
                number(float(weight[code] / weight.sum())),
                *(number(table[code, f"label_share:{label}"], 2) for label in labels),
            ]
            for code in weight.index[:CODES]
        ]
        sections.append((str(model), lines))
    notes = [
        "Columns of labels: the share of each code's area that a label covers, over all unperturbed cases. tokens: the "
        "share of all tokens that have this code.",
        *shortened,
    ]
    return Grid(f"Which anatomy a code stands for, on {sample}", ["code", "tokens", *labels], sections, notes)
