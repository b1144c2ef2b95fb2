"""How far answers change in volume from the clean answer (docs/definitions.md, Without labels)."""

import pandas as pd

from robustq.statistics.curve_intervals import curve_intervals
from robustq.statistics.group_means import GROUP, group_means

CHANGE, PERCENT = "volume_change", "%"
"""Name of the rows that hold the signed change in volume, and their unit."""

APPEARED = "appeared"
"""Name of the rows of a label that the clean answer lacks: 1 where an answer has it, else 0."""

ABSOLUTE, CV = "absolute_volume_change", "volume_cv"
"""Names of the figures that are computed from the signed change."""

_ANSWERS = ["model", "perturbation", "level", "label"]
_CASE = ["model", "training_seed", "perturbation", "level", "label", *GROUP, "case"]


def volume_changes(rows: pd.DataFrame) -> pd.DataFrame:
    """The change in volume of each label, by model, perturbation and level.

    Args:
        rows: rows of a run without labels.

    Returns:
        For each of the metrics `CHANGE`, `ABSOLUTE` and `CV` what `curve_intervals` gives by label, with its interval
        over groups; and in each row the numbers of answers: `vanished`, those without a label that the clean answer
        has, `appeared`, those with a label that it lacks, and `without_reference`, all in which it lacks the label.
    """
    changes = rows[rows["metric"] == CHANGE]
    sizes = changes.assign(metric=ABSOLUTE, value=changes["value"].abs())
    tables = [
        curve_intervals(group_means(part, by_label=True), higher_is_better=False)
        for part in (changes, sizes, _variation(changes))
        if len(part)
    ]
    if not tables:
        return pd.DataFrame()
    counts = _counts(rows)
    return pd.concat(tables, ignore_index=True).merge(counts, how="left", on=_ANSWERS)


def _variation(changes: pd.DataFrame) -> pd.DataFrame:
    """A row for each case: the standard deviation over draws of the volume, divided by its mean.

    The volume counts in shares of the clean answer's, which moves with the image, so that a draw that moves or scales
    the image adds nothing.
    """
    drawn = changes[changes["level"] > 0]
    shares = drawn.assign(share=1 + drawn["value"].astype(float) / 100)
    of_case = shares.groupby(_CASE, dropna=False)["share"]
    variation = (of_case.std(ddof=1) / of_case.mean().where(lambda mean: mean > 0)).rename("value").reset_index()
    return variation.assign(metric=CV, unit="", status="ok", draw=0)


def _counts(rows: pd.DataFrame) -> pd.DataFrame:
    """The numbers of answers in which a label vanished or appeared."""
    changes, absent = rows[rows["metric"] == CHANGE], rows[rows["metric"] == APPEARED]
    vanished = (changes["status"] == "missed").groupby([changes[name] for name in _ANSWERS]).sum()
    appeared = absent.groupby(_ANSWERS)["value"].agg(["sum", "size"])
    counts = vanished.rename("vanished").to_frame()
    counts["appeared"], counts["without_reference"] = appeared["sum"], appeared["size"]
    return counts.fillna(0).astype(int).reset_index()
