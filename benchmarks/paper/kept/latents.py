"""How far noise moves the latents, and whether the radii of the codes foretell which codes change."""

from collections.abc import Sequence

import pandas as pd

from kept.seeds import metrics_grid, patient_means, with_networks
from robustq.report.grid import Grid
from robustq.report.numbers import number, percent
from robustq.results.analysis import Analysis

VARIANCES = {
    "raw": "variance, raw",
    "min-max": "min-max",
    "relative": "relative",
    "flip_rate": "share of codes that change",
}

DIGITS = {"raw": 5, "min-max": 5, "relative": 4}

CRITERIA = {"r": "r", "r_k": "r of the own code", "margin": "exact margin"}


def variances_grid(analyses: Sequence[Analysis], where: str) -> Grid:
    """The latent variance in its three readings, for each network, noise and level; `where` ends the title."""
    means = patient_means([analysis.to_frame() for analysis in analyses], list(VARIANCES))
    return metrics_grid(f"Latent variance over draws, {where}", means, VARIANCES, [], DIGITS)


def criteria_grid(analyses: Sequence[Analysis], where: str) -> Grid:
    """For each criterion, the share of tokens that it calls safe, and of these the share that change their code."""
    rows = with_networks(pd.concat([analysis.to_frame() for analysis in analyses], ignore_index=True))
    counts = rows[rows["metric"].str.contains(":", regex=False) & (rows["level"] > 0)].pivot_table(
        index=["perturbation", "network", "level"], columns="metric", values="value", aggfunc="sum", sort=False
    )
    sections = []
    for perturbation, under in counts.groupby("perturbation", sort=False):
        lines = []
        for (_, network, level), count in under.iterrows():
            cells = []
            for criterion in CRITERIA:
                safe = count[f"safe:{criterion}"]
                cells.append(_share(safe, safe + count[f"unsafe:{criterion}"]))
                cells.append(_share(count[f"safe_flipped:{criterion}"], safe))
            lines.append([network, percent(level), *cells])
        sections.append((str(perturbation), lines))
    header = [words for name in CRITERIA.values() for words in (f"safe by {name}", "of these changed")]
    return Grid(f"Tokens that a criterion calls safe, {where}", ["network", "level", *header], sections, [], names=2)


def _share(part: float, whole: float) -> str:
    return number(part / whole) if whole else "–"
