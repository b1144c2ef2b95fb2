"""A frame as CSV that a spreadsheet or a terminal can show."""

import pandas as pd

from robustq.report.printable import in_spreadsheet


def csv_of(frame: pd.DataFrame) -> str:
    """The frame as CSV, in which no text is a formula or controls a terminal."""
    texts = frame.select_dtypes(exclude="number").columns
    return frame.assign(**{name: frame[name].map(_safe) for name in texts}).to_csv(index=False)


def _safe(value: object) -> object:
    return in_spreadsheet(value) if isinstance(value, str) else value
