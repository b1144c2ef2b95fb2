"""What the rows of the Taylor bound say in one sentence for each model."""

import math
from collections.abc import Sequence

import pandas as pd

from robustq.report.numbers import percent, significant
from robustq.report.values import Values

TRUSTED = 0.5
"""Largest mean linearisation error at which the prediction is called trustworthy: more than half of the shift is then
explained (docs/definitions.md, Taylor bound)."""


def taylor_conclusions(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
    """For each model, the predicted and the true shift where the prediction is worst, and the trusted levels.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the sentences.
    """
    values = Values(rows[rows["metric"].isin(["predicted_shift", "true_shift", "linearisation_error"])])
    sentences = []
    for model in models:
        errors = {
            (perturbation, level): values.mean(model, "linearisation_error", perturbation, level)
            for perturbation in values.perturbations
            for level in values.levels
        }
        errors = {place: error for place, error in errors.items() if not math.isnan(error)}
        if not errors:
            continue
        perturbation, level = max(errors, key=lambda place: errors[place])
        predicted, true = (
            significant(values.mean(model, metric, perturbation, level)) for metric in ("predicted_shift", "true_shift")
        )
        trusted = 0.0
        for tested in values.levels:
            at_level = [error for (_, other), error in errors.items() if other == tested]
            if max(at_level, default=0.0) > TRUSTED:
                break
            trusted = tested
        advice = (
            "it holds at all tested levels"
            if trusted == values.levels[-1]
            else f"do not trust it above {percent(trusted)}"
            if trusted
            else "do not trust it at any tested level"
        )
        error = percent(round(100 * errors[perturbation, level]))
        sentences.append(
            f"{model}: under {perturbation} of {percent(level)} the Taylor bound predicts a shift of {predicted}, the "
            f"true shift is {true}, and the error is {error} of it: {advice}."
        )
    return sentences
