"""Compares what models lose with what a baseline loses (docs/definitions.md, Robustness of two models compared)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from robustq.statistics.bootstrap import CONFIDENCE, RESAMPLES, bootstrap_interval
from robustq.statistics.group_means import GROUP
from robustq.statistics.level_curves import audc
from robustq.statistics.paired_means import paired_means

ALL = "all"
"""Name in the column `perturbation` for the mean over several perturbations."""

_SIDES = ("value", "baseline_value")

Columns = Float[np.ndarray, "*n k"]
Reading = Callable[[Columns], Float[np.ndarray, "*n"]]
"""A figure of one model, from the columns (value at level 0, value at the highest level, AUDC) of each perturbation."""


def compare_robustness(
    frame: pd.DataFrame,
    baseline: str,
    *,
    averaged: Sequence[str] | None = None,
    higher_is_better: bool = True,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """Subtract a baseline's drop, retention and AUDC from those of every other model, paired by group.

    The figures say what is lost from level 0 on, so that a model is not called robust because it was better without a
    perturbation, nor the reverse.

    Args:
        frame: rows of one metric, as in `robustq.statistics.compare`.
        baseline: name of the model that is subtracted.
        averaged: the perturbations of which "all" is the mean, such as those that are no attacks; None takes every one.
        higher_is_better: whether a larger value of the metric is a better one.
        resamples: number of bootstrap resamples of the groups.
        seed: seed of the resampling.
        confidence: nominal coverage of the intervals.

    Returns:
        One row for each model, perturbation and measure: the columns model, baseline, perturbation ("all" for the mean
        over several), `perturbations`, their number, `level`, the highest one, NaN where it differs between them,
        measure (clean, drop, retention or audc), groups, `value` and `baseline_value`, and `difference`, `low`, `high`,
        which are NaN where there is no value. The measure `clean` is the value at level 0. Retention and AUDC are given
        only for a metric without unit of which higher is better. Perturbations without a level above 0 are left out.

    Raises:
        RequestError: as `robustq.statistics.compare`.
    """
    order = [str(name) for name in frame["perturbation"].unique()]
    rows = []
    for model, means in paired_means(frame, baseline).items():
        is_share = higher_is_better and not means["unit"].any()
        samples = {name: curve_samples(means[means["perturbation"] == name]) for name in order}
        samples = {name: sample for name, sample in samples.items() if sample is not None}
        several = [name for name in samples if averaged is None or name in averaged]
        curves = {name: [name] for name in samples} | ({ALL: several} if len(several) > 1 else {})
        for perturbation, parts in curves.items():
            joined = pd.concat([samples[part] for part in parts], axis=1, join="inner").dropna()
            highest = means.loc[means["perturbation"].isin(parts)].groupby("perturbation")["level"].max().unique()
            for measure, reading in _readings(higher_is_better, is_share).items():
                rows.append(
                    {
                        "model": model,
                        "baseline": baseline,
                        "perturbation": perturbation,
                        "perturbations": len(parts),
                        "level": float(highest[0]) if len(highest) == 1 else np.nan,
                        "measure": measure,
                        "groups": len(joined),
                        **_difference(joined.to_numpy(float), reading, resamples, seed, confidence),
                    }
                )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


_COLUMNS = (
    *("model", "baseline", "perturbation", "perturbations", "level", "measure", "groups"),
    *("value", "baseline_value", "difference", "low", "high"),
)


def curve_samples(means: pd.DataFrame) -> pd.DataFrame | None:
    """For each group, (value at level 0, value at the highest level, AUDC) of the model, then of the baseline.

    A group counts only if both sides have a value at every level, and no answer is missing. None without a level above
    0.
    """
    unanswered = means["unanswered"] + means["baseline_unanswered"] > 0
    means = means.assign(**{side: means[side].mask(unanswered) for side in _SIDES})
    levels = np.sort(means["level"].unique().astype(float))
    if len(levels) < 2:
        return None
    columns = []
    for side in _SIDES:
        curve = means.pivot(index=list(GROUP), columns="level", values=side)[levels]
        area = curve.apply(lambda values: audc(levels, values.to_numpy(float)), axis=1)
        columns += [curve[levels[0]], curve[levels[-1]], area]
    sample: pd.DataFrame = pd.concat(columns, axis=1)
    return sample


def _readings(higher_is_better: bool, is_share: bool) -> Mapping[str, Reading]:
    """The measures, each as a function of the means of one side, (..., P·3)."""
    sign = 1 if higher_is_better else -1

    def clean(means: Columns) -> Any:
        return means[..., 0::3].mean(-1)

    def drop(means: Columns) -> Any:
        return sign * (means[..., 0::3] - means[..., 1::3]).mean(-1)

    def retention(means: Columns) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return (means[..., 1::3] / means[..., 0::3]).mean(-1)

    def area(means: Columns) -> Any:
        return means[..., 2::3].mean(-1)

    shares: dict[str, Reading] = {"retention": retention, "audc": area} if is_share else {}
    return {"clean": clean, "drop": drop, **shares}


def _difference(
    samples: Float[np.ndarray, "g k"], reading: Reading, resamples: int, seed: int, confidence: float
) -> dict[str, float]:
    """A measure of both sides, and its difference with the interval."""
    values = dict.fromkeys(("value", "baseline_value", "difference", "low", "high"), np.nan)
    if len(samples) == 0 or not np.isfinite(samples).all():
        return values
    # In the columns, the sides alternate by perturbation: three of the model, then three of the baseline.
    sided = samples.reshape(len(samples), -1, 2, 3).transpose(0, 2, 1, 3).reshape(len(samples), -1)
    half = sided.shape[1] // 2

    def difference(means: Columns) -> Any:
        return reading(means[..., :half]) - reading(means[..., half:])

    overall = sided.mean(0)
    sides = float(reading(overall[:half])), float(reading(overall[half:]))
    if not np.isfinite(sides).all():
        return values
    low, high = bootstrap_interval(sided, difference, resamples=resamples, seed=seed, confidence=confidence)
    return {
        "value": sides[0],
        "baseline_value": sides[1],
        "difference": sides[0] - sides[1],
        "low": low,
        "high": high,
    }
