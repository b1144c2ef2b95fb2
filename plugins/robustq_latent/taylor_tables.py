"""Tables of the Taylor bound: shifts and criteria, the errors of the criteria, the largest safe levels."""

from collections.abc import Sequence

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import number, percent
from robustq.report.values import Values
from robustq_latent.space import space_notes
from robustq_latent.taylor_piece import CRITERIA

_SHIFTS = (
    ("predicted_shift", "|Jδ|"),
    ("true_shift", "|Δ|"),
    ("linearisation_error", "|Δ-Jδ| / |Δ|"),
    ("finite_margin", "m"),
    ("safe_by_r", "|Jδ| < r"),
    ("safe_by_r_k", "|Jδ| < r_k"),
    ("safe_by_margin", "|Jδ| < m"),
    ("token_flip_rate", "flips"),
)


def taylor_grids(rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
    """A table of the largest safe levels, one of shifts and criteria, one of the errors of the criteria.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the lines.
        sample: description of the cases, for the titles.
    """
    values = Values(rows[rows["metric"].isin([metric for metric, _ in _SHIFTS])])
    shifts = [
        (
            perturbation,
            [
                [model, percent(level), *_shift_cells(values, model, perturbation, level)]
                for model in models
                for level in values.levels
            ],
        )
        for perturbation in values.perturbations
    ]
    grids = [
        Grid(
            f"Taylor bound on {sample}",
            ["model", "level", *(title for _, title in _SHIFTS)],
            shifts,
            [
                "Each figure: the mean over draws and tokens, then mean ± sd over groups (patients).",
                "|Jδ|: the shift of a token that the first-order term of equation 4 of the paper predicts. |Δ|: its "
                "true shift. |Δ-Jδ| / |Δ|: the error of the prediction, relative to the true shift.",
                "r: the mean radius of all codes (equation 3). r_k: the radius of the token's own code. m: the exact "
                "margin, the distance from the token to the nearest face of its Voronoi cell.",
                "Columns with <: the share of tokens that this criterion calls safe. flips: the share of tokens whose "
                "code changes.",
                *space_notes(rows),
            ],
        )
    ]
    quantised = [model for model in models if "safe_by_margin" in set(rows[rows["model"] == model]["metric"])]
    if quantised:
        grids = [_level_grid(rows, quantised, sample), *grids, _error_grid(rows, quantised, values, sample)]
    return grids


def _shift_cells(values: Values, model: str, perturbation: str, level: float) -> list[str]:
    return [
        values.cell(model, metric, perturbation, level, 3 if metric.startswith(("safe", "token")) else None)
        for metric, _ in _SHIFTS
    ]


def _error_grid(rows: pd.DataFrame, models: Sequence[str], values: Values, sample: str) -> Grid:
    """False-safe and false-unsafe rates, pooled over cases and draws, with their counts."""
    counts = rows[rows["metric"].str.contains(":")]
    pooled = counts.groupby(["model", "perturbation", "level", "metric"])["value"].sum()
    sections = []
    for perturbation in values.perturbations:
        lines = []
        for model in models:
            for level in values.levels:
                totals = pooled[model, perturbation, level]
                cells = [
                    _rate(totals[f"{error}:{name}"], totals[f"{verdict}:{name}"])
                    for name in CRITERIA
                    for error, verdict in (("safe_flipped", "safe"), ("unsafe_stayed", "unsafe"))
                ]
                broken = [f"{totals[f'within_flipped:{name}']:.0f}" for name in ("r_k", "margin")]
                lines.append([model, percent(level), *cells, *broken])
        sections.append((perturbation, lines))
    titles = [f"{error} by {name}" for name in ("r", "r_k", "m") for error in ("false-safe", "false-unsafe")]
    notes = [
        "A criterion calls a token safe where |Jδ| is below its bound. false-safe: the share of the tokens called safe "
        "whose code changes. false-unsafe: the share of the tokens called unsafe whose code stays. All cases and draws "
        "are pooled.",
        "flipped: the number of tokens whose code changes although their true shift is below the bound. A shift below "
        "r_k does not guarantee that the code stays; a shift below m does.",
    ]
    header = ["model", "level", *titles, "flipped, |Δ| < r_k", "flipped, |Δ| < m"]
    return Grid(f"Errors of the three criteria on {sample}", header, sections, notes)


def _rate(errors: float, tokens: float) -> str:
    return f"{number(errors / tokens)} ({errors:.0f} of {tokens:.0f})" if tokens else "– (0 of 0)"


def _level_grid(rows: pd.DataFrame, models: Sequence[str], sample: str) -> Grid:
    """The number of cases for each largest safe level."""
    largest = rows[rows["metric"] == "largest_safe_level"]
    levels = [0.0, *sorted(rows[rows["level"] > 0]["level"].unique())]
    sections = []
    for perturbation, perturbation_rows in largest.groupby("perturbation", sort=False):
        lines = []
        for model in models:
            values = perturbation_rows[perturbation_rows["model"] == model]["value"]
            lines.append([model, *(str(int((values == level).sum())) for level in levels), number(values.median(), 0)])
        sections.append((str(perturbation), lines))
    header = ["model", *(percent(level) for level in levels), "median"]
    notes = [
        "Each figure under a level: the number of cases with this largest safe level. It is the highest tested level "
        "up to which the margin calls enough tokens safe (|Jδ| < m).",
        "median: the median of the largest safe levels of all cases, in percent.",
    ]
    return Grid(f"Largest safe level on {sample}", header, sections, notes)
