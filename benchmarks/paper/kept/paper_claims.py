"""The paper's claims on accuracy and noise, on every data set of the results."""

from collections.abc import Mapping

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import number, with_interval
from robustq.results.architecture_claims import architecture_claims
from robustq.results.study import Study

CLAIMS = {
    "Dice at 0 %": ("clean", "all"),
    "lost, Gaussian": ("drop", "gaussian"),
    "salt-and-pepper": ("drop", "salt-and-pepper"),
    "Poisson": ("drop", "poisson"),
    "Rician": ("drop", "rician"),
}
"""For the header of each column, the measure and the perturbation of the claim."""

HOLDS, CONTRARY = "\N{CHECK MARK}", "\N{BALLOT X}"
"""The claim holds, or the contrary does, by the rule of definitions.md (Claims about architectures)."""


def paper_claims_grid(studies: Mapping[str, Study], baseline: str = "unet", claimed: str = "vq") -> Grid:
    """A line for each data set, a column for each claim.

    Args:
        studies: studies by what they were measured on.
        baseline: model that stands for the paper's UNet.
        claimed: model that stands for the paper's VQ-UNet.
    """
    lines = []
    for where, study in studies.items():
        claims = _claims_of(study, baseline, claimed)
        first = claims.iloc[0]
        cells = [_cell(claims.loc[key]) for key in CLAIMS.values()]
        lines.append([where, str(first["seeds"]), str(first["groups"]), *cells])
    header = ["data", "seeds", "patients", *CLAIMS]
    return Grid("VQ minus UNet in Dice: the paper's claims", header, [("", lines)], [])


def _claims_of(study: Study, baseline: str, claimed: str) -> pd.DataFrame:
    """The claims on Dice of one architecture, by measure and perturbation."""
    names = {model: name for step in study.steps if step.kind == "stress" for model, name in step.models.items()}
    claims = architecture_claims(study.runs, baseline, "dice", names)
    return claims[claims["architecture"] == claimed].set_index(["measure", "perturbation"], drop=False)


def _cell(claim: pd.Series) -> str:
    """The difference with its interval, and a mark where the claim or its contrary holds."""
    text = with_interval(number(claim["difference"]), claim["low"], claim["high"])
    if claim["verdict"] != "holds":
        return text
    # The paper claims more Dice without noise, and less of it lost under noise.
    as_claimed = (claim["difference"] > 0) == (claim["measure"] == "clean")
    return f"{text} {HOLDS if as_claimed else CONTRARY}"
