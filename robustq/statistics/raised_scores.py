"""Looks for perturbations that raise a model's Dice above that of the unperturbed cases."""

from typing import NamedTuple

import pandas as pd

from robustq.statistics.group_means import GROUP
from robustq.statistics.masked_gradients import MATTERS
from robustq.statistics.paired_tests import paired_difference


class Raised(NamedTuple):
    """A perturbation under which a model scores better than without it.

    Attributes:
        model: name of the model.
        perturbation: name of the perturbation, as in the rows.
        level: the level, in percent, at which the gain is largest.
        clean: mean Dice at level 0.
        perturbed: mean Dice at the level.
        low: lower end of the 95 % interval of perturbed - clean, paired by group.
    """

    model: str
    perturbation: str
    level: float
    clean: float
    perturbed: float
    low: float


def raised_scores(means: pd.DataFrame) -> list[Raised]:
    """For each model and perturbation, the level of the largest gain that is more than `MATTERS` and beyond chance.

    A group without an answer, at level 0 or at the level, is left out there: its other cases can have a better mean.

    Args:
        means: what `group_means` gave; without the metric `dice` the result is empty.
    """
    dice = means[(means["metric"] == "dice") & (means["unanswered"] == 0)]
    results = []
    for (model, perturbation), curve in dice.groupby(["model", "perturbation"], sort=False):
        groups_of = {level: rows.set_index([*GROUP])["value"] for level, rows in curve.groupby("level")}
        clean = groups_of.pop(0.0, None)
        gains = []
        for level, values in groups_of.items():
            perturbed, unperturbed = values.align(clean, join="inner") if clean is not None else (values, values)
            gain = paired_difference(perturbed.to_numpy(float), unperturbed.to_numpy(float))
            if gain.estimate > MATTERS and gain.low > 0:
                both = (float(unperturbed.mean()), float(perturbed.mean()), gain.low)
                gains.append((gain.estimate, Raised(str(model), str(perturbation), float(str(level)), *both)))
        if gains:
            results.append(max(gains, key=lambda found: found[0])[1])
    return results
