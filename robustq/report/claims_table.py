"""The table that says whether runs bear claims out."""

from collections.abc import Sequence
from dataclasses import dataclass

from robustq.report.grid import Grid
from robustq.report.numbers import number


@dataclass(frozen=True)
class Line:
    """What is said of one claimed model.

    Attributes:
        model: its name in the claims.
        borne_out: whether every figure and interval is as claimed.
        figures: number of claimed figures.
        largest: largest difference of a figure without unit, or of an end of its interval.
        reason: the first figure that is not as claimed, or why nothing could be compared; "" if all is borne out.
    """

    model: str
    borne_out: bool
    figures: int
    largest: float
    reason: str


def claims_grid(lines: Sequence[Line], claims: str) -> Grid:
    """A row for each claimed model.

    Args:
        lines: what is said of each.
        claims: the claims file, as it was named.
    """
    rows = [
        [
            line.model,
            "borne out" if line.borne_out else "NOT BORNE OUT",
            str(line.figures),
            number(line.largest, 4),
            line.reason or "–",
        ]
        for line in lines
    ]
    notes = [
        "borne out: the model has the claimed weights, and every figure and both ends of its interval differ from the "
        "claimed ones by at most 0.001, or, with a unit, by 1 %. Patients, noise and levels are the same.",
        "It says that the figures are reproduced, not that they hold for other patients.",
    ]
    header = ["model", "claim", "figures", "largest difference", "what differs"]
    return Grid(f"Claims of {claims}", header, [("", rows)], notes)
