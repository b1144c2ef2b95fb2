"""Notes on the space in which a model's distances to codes are measured, and on its codebook."""

from collections.abc import Iterable

import pandas as pd

from robustq.analyser import Finding
from robustq.model.segmenter import Segmenter

_METRIC = "search_space"


def space_findings(model: Segmenter) -> Iterable[Finding]:
    """One finding in words if a model's distances are not plain ones in the embedding space; else none."""
    quantiser = model.quantiser
    if quantiser is None or quantiser.capacity is None:
        return
    remarks = []
    if quantiser.vectors is None:
        remarks.append("codes without vectors of their own, so radii, margins and distances to codes do not apply")
    elif quantiser.capacity[0] > 1:
        remarks.append(f"{quantiser.capacity[0]} stages; distances, margins and flips here are those of the first")
    if quantiser.space != "embedding":
        remarks.append(f"shifts and distances in the {quantiser.space}")
    if remarks:
        yield Finding(_METRIC, None, reason="; ".join(remarks))


def space_notes(rows: pd.DataFrame) -> list[str]:
    """The notes of a table: one for each model that has such a finding."""
    # Several checks of one analysis may have the same finding.
    findings = rows[rows["metric"] == _METRIC].drop_duplicates(["model", "reason"])
    return [f"{model}: {reason}" for model, reason in zip(findings["model"], findings["reason"], strict=True)]
