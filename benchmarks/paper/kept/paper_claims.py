"""The paper's claims on accuracy and noise, on every data set of the results."""

from collections.abc import Mapping

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import number, p_value
from robustq.results.architecture_claims import architecture_claims
from robustq.results.study import Study

CLAIMS = {
    ("clean", "all"): ("more accurate without noise", 1),
    ("drop", "gaussian"): ("loses less under Gaussian noise", -1),
    ("drop", "salt-and-pepper"): ("loses less under salt-and-pepper noise", -1),
    ("drop", "poisson"): ("loses less under Poisson noise", -1),
    ("drop", "rician"): ("loses less under Rician noise (not in the paper)", -1),
}
"""For measure and perturbation, what the paper claims of VQ, and the sign that the difference should have."""


def paper_claims_grid(studies: Mapping[str, Study], baseline: str = "unet", claimed: str = "vq") -> Grid:
    """A section for each claim, with a line for each data set.

    Args:
        studies: studies by what they were measured on.
        baseline: model that stands for the paper's UNet.
        claimed: model that stands for the paper's VQ-UNet.
    """
    claims = {where: _claims_of(study, baseline, claimed) for where, study in studies.items()}
    sections = []
    for key, (words, sign) in CLAIMS.items():
        lines = [[where, *_cells(table.loc[key], sign)] for where, table in claims.items()]
        sections.append((words, lines))
    return Grid(
        f"Dice of {claimed} minus that of {baseline}: the paper's claims",
        ["data", "difference [95 % interval]", "seeds", "patients", "Holm", "the claim"],
        sections,
        [],
    )


def _claims_of(study: Study, baseline: str, claimed: str) -> pd.DataFrame:
    """The claims on Dice of one architecture, by measure and perturbation."""
    names = {model: name for step in study.steps if step.kind == "stress" for model, name in step.models.items()}
    claims = architecture_claims(study.runs, baseline, "dice", names)
    return claims[claims["architecture"] == claimed].set_index(["measure", "perturbation"])


def _cells(claim: pd.Series, sign: int) -> list[str]:
    interval = f"[{number(claim['low'])}, {number(claim['high'])}]"
    if claim["seeds"] < 2:
        reading = "one seed"
    elif claim["verdict"] != "holds":
        reading = "depends"
    else:
        reading = "holds" if sign * claim["difference"] > 0 else "the contrary holds"
    return [
        f"{number(claim['difference'])} {interval}",
        str(claim["seeds"]),
        str(claim["groups"]),
        p_value(claim["p_holm"]),
        reading,
    ]
