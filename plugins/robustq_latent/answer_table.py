"""The measured answers of a model, read back from the rows of an analysis: one line for each."""

import pandas as pd

_ANSWER = ["dataset", "domain", "group", "case", "draw"]

UNIT = "resampled unit"
"""Column with the group (patient) of an answer, as a text that no other dataset has."""


def answer_table(rows: pd.DataFrame, needed: str) -> pd.DataFrame:
    """A line for each answer, with a column for each metric and the column `UNIT`, ordered by case and draw.

    Args:
        rows: the rows of the metrics, of one model under one perturbation at one level.
        needed: the metric without which an answer is left out.
    """
    # Rows of a resumed run may stand twice, and two checks of one analysis may measure the same.
    rows = rows.drop_duplicates([*_ANSWER, "metric"])
    table = rows.pivot(index=_ANSWER, columns="metric", values="value").astype(float).reset_index()
    table = table[table[needed].notna()].sort_values(_ANSWER)
    return table.assign(**{UNIT: table["dataset"].astype(str) + "\0" + table["group"].astype(str)})
