"""The Dice below which an answer is a failure, as a setting of a check."""

import math

import pandas as pd

from robustq.errors import RequestError

THRESHOLD = 0.8
"""An answer with a mean Dice below this is a failure, unless a setting says otherwise."""


def canonical_threshold(setting: str, check: str) -> str:
    """The one spelling of a Dice, such as 0.5; "" for that of no setting.

    Args:
        setting: what follows the @.
        check: name of the check, for the message.

    Raises:
        RequestError: it is no number above 0 and at most 1.
    """
    try:
        threshold = float(setting) if setting else THRESHOLD
    except ValueError:
        threshold = math.nan
    if not 0 < threshold <= 1:
        raise RequestError(f"{setting!r} is not a Dice: give a number above 0 and at most 1, as in {check}@{THRESHOLD}")
    return "" if threshold == THRESHOLD else f"{threshold:.12g}"


def stored_threshold(rows: pd.DataFrame, metric: str) -> float:
    """The threshold in the rows of an analysis; NaN where there is none."""
    values = rows[rows["metric"] == metric]["value"]
    return float(values.iloc[0]) if len(values) else math.nan
