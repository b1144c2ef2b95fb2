"""Is it the prior's loss or the constant bottleneck that makes a network lose less?"""

from robustq.report.grid import Grid
from robustq.results.architecture_claims import architecture_claims_grid
from robustq.results.study import Study

CONSTANT, JOINT = "constant", "vq joint prior"


def control_grid(study: Study) -> Grid:
    """The network that was trained with a prior, compared with the one that has one code and no prior."""
    names = {model: name for step in study.steps if step.kind == "stress" for model, name in step.models.items()}
    compared = {model: name for model, name in names.items() if name in (CONSTANT, JOINT)}
    return architecture_claims_grid(study.runs, CONSTANT, "dice", [], compared)
