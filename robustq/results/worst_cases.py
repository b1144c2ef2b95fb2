"""Chooses the worst cases of a stress run (docs/definitions.md, Intervals of curves, and verdicts)."""

from typing import NamedTuple

import pandas as pd

from robustq.metric import parse_metric
from robustq.results.stress_run import Run


class WorstCase(NamedTuple):
    """A case, and where its score is lowest.

    Attributes:
        case: case id.
        perturbation: name of the perturbation under which the score is lowest.
        level: percent, the highest level.
        score: the run's first metric there, mean over models, draws and labels.
    """

    case: str
    perturbation: str
    level: float
    score: float


def worst_cases(run: Run, frame: pd.DataFrame, most: int) -> list[WorstCase]:
    """The cases with the lowest scores at the highest level, the worst first; empty if no level is above 0.

    Args:
        run: a stress run.
        frame: its rows.
        most: largest number of cases.
    """
    metric = run.metrics[0]
    rows = frame[(frame["metric"] == metric) & frame["perturbation"].isin(run.asked["perturbations"])]
    highest = float(rows["level"].max()) if len(rows) else 0.0
    if not highest > 0:
        return []
    measure = parse_metric(metric)
    keys = ["case", "perturbation"]
    means = rows[rows["level"] == highest].groupby(keys)["value"].mean().dropna().reset_index()
    means = means.sort_values("value", ascending=measure.higher_is_better, kind="stable").drop_duplicates("case")
    return [
        WorstCase(str(row["case"]), str(row["perturbation"]), highest, float(row["value"]))
        for row in means.head(most).to_dict("records")
    ]
