"""Takes, for each image, the worst answer of all attacks (docs/definitions.md, Attacks together)."""

from collections.abc import Container, Mapping, Sequence

import pandas as pd

from robustq.request.names import transferred
from robustq.statistics.group_means import UNANSWERED
from robustq.statistics.masked_gradients import WITHIN

WORST = {"epsilon": "worst", "rms": "worst@l2"}
"""For each measure of an attack's radius, the name under which the worst answers stand."""

_IMAGE = ["model", "level", "dataset", "case"]
_ANSWER = [*_IMAGE, "perturbation", "draw"]


def competitors(norms: Mapping[str, str], models: Sequence[str], shown: Container[str]) -> dict[str, list[str]]:
    """For each name of `WORST` that has attacks, the attacks and transfers that are allowed no more.

    Args:
        norms: for the name of each attack, the measure of its radius; an attack without one competes nowhere.
        models: names of the models.
        shown: the names in the rows.
    """
    by_name = {}
    for measure, worst in WORST.items():
        if measure in norms.values():
            attacks = [attack for attack, norm in norms.items() if norm in WITHIN[measure]]
            names = [name for attack in attacks for name in (attack, *(transferred(attack, model) for model in models))]
            by_name[worst] = [name for name in names if name in shown]
    return by_name


def worst_rows(frame: pd.DataFrame, competing: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """The rows of each image's worst answer: that with the lowest Dice, the mean over labels.

    An answer that is not finite, or that could not be computed, is the worst.

    Args:
        frame: rows of a run, of all metrics; without the metric `dice` the result is empty.
        competing: what `competitors` gave.

    Returns:
        Rows as in `frame`, of all metrics, with the name of `WORST` as perturbation and 0 as draw.
    """
    parts = []
    for name, attacks in competing.items():
        rows = frame[frame["perturbation"].isin(attacks)]
        dice = rows[rows["metric"] == "dice"]
        unanswered = dice["status"].isin(UNANSWERED)
        harm = dice.assign(value=dice["value"].astype(float).mask(unanswered, float("-inf")))
        answers = harm.groupby(_ANSWER)["value"].mean().reset_index()
        answers = answers.sort_values("value", kind="stable").drop_duplicates(_IMAGE)
        parts.append(rows.merge(answers[_ANSWER], on=_ANSWER).assign(perturbation=name, draw=0))
    return pd.concat(parts, ignore_index=True) if parts else frame.iloc[:0]
