"""The table of the pairs of models whose minimal levels are compared."""

import pandas as pd

from robustq.report.grid import Grid
from robustq.report.numbers import p_value

NOTES = (
    "first larger, second larger: number of groups (patients) in which the first or the second model of the pair takes "
    "a larger level until Dice falls below the threshold. ties: equal levels, or neither model fell.",
    "p: exact sign test, two-sided, without the ties; p (Holm): corrected over all pairs. It tests which model holds "
    "longer in more groups, and says nothing of how much longer.",
)


def sign_test_grid(pairs: pd.DataFrame, perturbation: str) -> Grid:
    """A line for each pair of models.

    Args:
        pairs: model, other, `model_larger`, `other_larger`, `ties`, `p` and `p_holm`.
        perturbation: the perturbation or attack whose levels were searched.
    """
    lines = [
        [
            f"{row['model']} and {row['other']}",
            *(str(row[name]) for name in ("model_larger", "other_larger", "ties")),
            *(p_value(row[name]) for name in ("p", "p_holm")),
        ]
        for row in pairs.to_dict("records")
    ]
    title = f"pairs of models on the same groups: which takes a larger level of {perturbation}"
    return Grid(title, ["pair", "first larger", "second larger", "ties", "p", "p (Holm)"], [("", lines)], NOTES)
