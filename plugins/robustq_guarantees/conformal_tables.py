"""The table and the sentences of the analyser `conformal`."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float

from robustq.analyser import TableFigure
from robustq.report.grid import Grid
from robustq.report.numbers import count, listed, number, percent
from robustq.statistics.acceptance import mean_reaching
from robustq_guarantees.group_values import GroupValues, overall

RATES = ("conformal_fnr", "conformal_volume", "answer_fnr", "answer_volume")
"""Rates of the masks that the threshold gives, then of the model's own masks."""

CLEAN_RATES = tuple(f"clean_{metric}" for metric in RATES)
"""The same of the clean image, which every piece measures."""

_HEADER = (
    "model",
    "level",
    "FNR",
    "at least",
    "promise",
    "volume",
    "FNR of the own answer",
    "volume of the own answer",
)


class ConformalRates:
    """The rates of an analysis, and whether the promise is broken.

    Args:
        rows: rows of an analysis.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self._values = GroupValues(rows, [*RATES, *CLEAN_RATES])
        self._rows = rows
        measured = rows[rows["metric"].isin(RATES) & (rows["level"] > 0)]
        self.perturbations: list[str] = list(measured["perturbation"].unique())
        above = sorted(measured["level"].unique())
        self.levels: list[float] = [0.0, *above]
        self._first = above[0] if above else 0.0

    def promised(self, model: str) -> float:
        """The promised rate."""
        return overall(self._rows, model, "promised_fnr")

    def of_model(self, model: str, metric: str) -> float:
        """A value of all cases, such as the threshold; NaN where there is none."""
        return overall(self._rows, model, metric)

    def refusal(self, model: str) -> str:
        """Why there is no threshold; "" where there is one."""
        rows = self._rows
        refused = rows[(rows["model"] == model) & (rows["metric"] == "conformal_threshold") & rows["value"].isna()]
        return str(refused["reason"].iloc[0]) if len(refused) else ""

    def values(self, model: str, metric: str, perturbation: str, level: float) -> Float[np.ndarray, " g"]:
        """One value for each tested group; those of level 0 are those of the clean image."""
        if level == 0:
            return self._values(model, f"clean_{metric}", perturbation, self._first)
        return self._values(model, metric, perturbation, level)

    def bound(self, model: str, perturbation: str, level: float) -> float:
        """The one-sided lower 95 % bound of the mean FNR; NaN where there is none."""
        values = self.values(model, "conformal_fnr", perturbation, level)
        return mean_reaching(values[:, None], lambda means: means[:, 0], self.promised(model)).bound

    def broken_at(self, model: str, perturbation: str) -> float | None:
        """The lowest level at which the promise is broken; None where it is broken at none."""
        promised = self.promised(model)
        return next((level for level in self.levels if self.bound(model, perturbation, level) > promised), None)


def conformal_grids(rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
    """One table: FNR with its lower bound, and the volume of the masks, by level. No table without a threshold.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the lines.
        sample: description of the cases, for the title.
    """
    measured = ConformalRates(rows)
    calibrated = [model for model in models if math.isfinite(measured.of_model(model, "conformal_threshold"))]
    if not calibrated:
        return []
    sections = [
        (
            perturbation,
            [_line(measured, model, perturbation, level) for model in calibrated for level in measured.levels],
        )
        for perturbation in measured.perturbations
    ]
    title = f"Conformal threshold for an FNR of {measured.promised(calibrated[0]):g} on {sample}"
    notes = [
        *(_split_note(measured, model) for model in calibrated),
        *(f"{model} has no threshold: {refusal}." for model in models if (refusal := measured.refusal(model))),
        "FNR: the share of the true voxels that the mask p ≥ threshold misses; mean over labels, the first 4 draws, "
        "cases and groups (patients). at least: the one-sided lower 95 % bootstrap bound of this mean over groups. "
        "broken: this bound is above the promise. not broken is no proof that the promise holds.",
        "volume: voxels of the mask over true voxels. A mask of the whole image misses nothing, so an FNR says little "
        "without it. The own answer is that of the model without the threshold.",
        "The promise is about the average over splits into calibration and test, and about patients like those that "
        "calibrated the threshold (exchangeable). It is no promise for each patient.",
    ]
    unanswered = rows[rows["metric"].isin(RATES[:1]) & rows["value"].isna() & (rows["reason"] != "")]
    notes += [
        f"{count(len(answers), 'answer')} left out: {reason}." for reason, answers in unanswered.groupby("reason")
    ]
    return [Grid(title, _HEADER, sections, notes)]


def conformal_table_figures(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[TableFigure]:
    """The FNR with its lower bound in full precision.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the figures.
    """
    measured = ConformalRates(rows)
    return [
        TableFigure(
            model,
            perturbation,
            float(level),
            RATES[0],
            float(found.mean()),
            measured.bound(model, perturbation, level),
        )
        for perturbation in measured.perturbations
        for model in models
        for level in measured.levels
        if len(found := measured.values(model, RATES[0], perturbation, level))
    ]


def _line(measured: ConformalRates, model: str, perturbation: str, level: float) -> list[str]:
    fnr, volume, own_fnr, own_volume = (
        number(float(values.mean())) if len(values := measured.values(model, metric, perturbation, level)) else "–"
        for metric in RATES
    )
    bound = measured.bound(model, perturbation, level)
    verdict = "broken" if bound > measured.promised(model) else "–" if math.isnan(bound) else "not broken"
    return [model, percent(level), fnr, number(bound), verdict, volume, own_fnr, own_volume]


def _split_note(measured: ConformalRates, model: str) -> str:
    calibrating, tested = (
        count(int(measured.of_model(model, f"{half}_groups")), "patient") for half in ("calibration", "test")
    )
    return (
        f"{model}: threshold {number(measured.of_model(model, 'conformal_threshold'))}, calibrated on clean images of "
        f"{calibrating}, tested on {tested} of the other half. Patients that trained it or chose its epoch are in "
        "neither half, as far as that is known."
    )


def conformal_conclusions(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
    """For each model, whether its promise holds on clean images, and where each perturbation breaks it.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the sentences.
    """
    measured = ConformalRates(rows)
    sentences = []
    refusals: dict[str, list[str]] = {}
    for model in models:
        if refusal := measured.refusal(model):
            refusals.setdefault(refusal, []).append(model)
        elif measured.perturbations and math.isfinite(measured.of_model(model, "conformal_threshold")):
            sentences.append(_sentence(measured, model))
    refused = [f"{listed(names)}: no conformal threshold, because {refusal}." for refusal, names in refusals.items()]
    return [*refused, *sentences]


def _sentence(measured: ConformalRates, model: str) -> str:
    threshold, promised = measured.of_model(model, "conformal_threshold"), measured.promised(model)
    begin = f"{model}: the threshold {number(threshold)} promises an FNR of at most {promised:g}"
    first = measured.perturbations[0]
    if measured.bound(model, first, 0.0) > promised:
        return (
            f"{begin}, and on clean images of the test half it is already {_rate(measured, model, first, 0.0)}: these "
            "patients are not like those that calibrated it, or this split is unlucky."
        )
    parts = []
    for perturbation in measured.perturbations:
        level = measured.broken_at(model, perturbation)
        if level is None:
            parts.append(f"{perturbation} up to {percent(measured.levels[-1])} is not shown to break it")
        else:
            rate = _rate(measured, model, perturbation, level)
            parts.append(f"{perturbation} of {percent(level)} breaks it, where the FNR is {rate}")
    clean = measured.values(model, "conformal_fnr", first, 0.0)
    return f"{begin}; on clean images it is {number(float(clean.mean()) if len(clean) else None)}; {'; '.join(parts)}."


def _rate(measured: ConformalRates, model: str, perturbation: str, level: float) -> str:
    mean = float(measured.values(model, "conformal_fnr", perturbation, level).mean())
    return f"{number(mean)} (at least {number(measured.bound(model, perturbation, level))})"
