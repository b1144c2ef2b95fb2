"""In which space distances to a codebook are taken, and to which, where that goes without saying no longer."""

from collections.abc import Iterable

import pandas as pd

from robustq.analyser import Finding
from robustq.model.segmenter import Segmenter

_METRIC = "search_space"


def space_findings(model: Segmenter) -> Iterable[Finding]:
    """What must be known of a model's distances: nothing, or one finding in words."""
    quantiser = model.quantiser
    if quantiser is None or quantiser.capacity is None:
        return
    told = []
    if quantiser.vectors is None:
        told.append("codes without vectors of their own, so radii, margins and distances to codes do not apply")
    elif quantiser.capacity[0] > 1:
        told.append(f"{quantiser.capacity[0]} stages; distances, margins and flips here are those of the first")
    if quantiser.space != "embedding":
        told.append(f"shifts and distances in the {quantiser.space}")
    if told:
        yield Finding(_METRIC, None, reason="; ".join(told))


def space_notes(rows: pd.DataFrame) -> list[str]:
    """The notes of a table, one a model of which something must be known."""
    # Several checks of one analysis may say the same.
    told = rows[rows["metric"] == _METRIC].drop_duplicates(["model", "reason"])
    return [f"{model}: {reason}" for model, reason in zip(told["model"], told["reason"], strict=True)]
