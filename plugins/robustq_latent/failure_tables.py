"""The table and the sentences of the analyser `failure`."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from robustq.analyser import TableFigure
from robustq.report.grid import Grid
from robustq.report.numbers import number, percent
from robustq.request.names import CLEAN
from robustq.statistics.risk_coverage import RESAMPLES, aurc, excess_aurc, failure_auroc, spearman
from robustq_latent.estimate import Estimate
from robustq_latent.failure_answers import FailureAnswers
from robustq_latent.failure_signals import NATS, SIGNALS
from robustq_latent.space import space_notes
from robustq_latent.threshold import stored_threshold

FIRST = next(iter(SIGNALS))
"""The signal that the others are compared with."""

_FIGURES = {
    "aurc": "AURC",
    "aurc_difference": f"AURC minus that of {SIGNALS[FIRST]}",
    "e_aurc": "E-AURC",
    "auroc_of_failure": "AUROC of a failure",
    "spearman": "rank correlation with Dice",
}
_HEADER = ("model", "signal", "level", "failures", *_FIGURES.values())


def failure_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the signals and of the Dice of their answers.

    Rows of earlier versions have the nats of an answer under the name that `likelihood` gives those of an image, and
    without a unit.
    """
    earlier = (rows["metric"] == "nats") & (rows["unit"] == "")
    renamed = rows.assign(metric=rows["metric"].mask(earlier, NATS))
    return renamed[renamed["metric"].isin(["answer_dice", *SIGNALS])]


def answers_of(rows: pd.DataFrame, models: Sequence[str]) -> Iterator[tuple[str, float, str, FailureAnswers]]:
    """The measured answers of each perturbation, level and model, in the order of a table.

    Args:
        rows: what `failure_rows` gave.
        models: models in the order of the table.
    """
    for perturbation, under in rows.groupby("perturbation", sort=False):
        for level in sorted(under["level"].unique()):
            for model in models:
                answers = under[(under["level"] == level) & (under["model"] == model)]
                if (answers["metric"] == "answer_dice").any():
                    yield str(perturbation), float(level), model, FailureAnswers(answers)


def failure_grids(rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
    """One table: AURC, E-AURC, AUROC and rank correlation of each signal, by level, with intervals.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the lines.
        sample: description of the cases, for the title.
    """
    threshold = stored_threshold(rows, "failure_threshold")
    sections: dict[str, list[list[str]]] = {}
    for perturbation, level, model, answers in answers_of(failure_rows(rows), models):
        lines = sections.setdefault(perturbation, [])
        failures = f"{int((answers.dice < threshold).sum())} of {len(answers.dice)}"
        for signal in answers.signals:
            estimates = _estimates(answers, signal, threshold)
            cells = [str(estimates[figure]) if figure in estimates else "–" for figure in _FIGURES]
            lines.append([model, SIGNALS[signal], percent(level), failures, *cells])
    notes = [
        f"A failure: an answer whose mean Dice over labels is below {threshold:g}. Each figure is over the answers to "
        "the first 4 draws of each case at this level, with its 95 % bootstrap interval over groups (patients), "
        f"{RESAMPLES} resamples, the same for every signal.",
        "AURC: the area under the risk-coverage curve (risk 1 - Dice, the most confident answers first); lower is "
        "better. E-AURC: what it exceeds that of the order by Dice itself; 0 is perfect.",
        "AUROC of a failure: how often a failure has less confidence than a success; 0.5 says nothing, 1 is perfect. "
        "– where no answer fails, or all do.",
        "agreement of draws: mean pairwise Dice of the answers to 5 copies of the image with 5 % gaussian noise on "
        "top. A model that answers the same whatever it sees agrees with itself.",
        *space_notes(rows),
    ]
    return [Grid(f"Signals of failure on {sample}", _HEADER, list(sections.items()), notes, names=2)]


def failure_table_figures(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[TableFigure]:
    """The figures of the table in full precision.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the figures.
    """
    threshold = stored_threshold(rows, "failure_threshold")
    return [
        estimate.in_full(model, perturbation, level, figure, signal)
        for perturbation, level, model, answers in answers_of(failure_rows(rows), models)
        for signal in answers.signals
        for figure, estimate in _estimates(answers, signal, threshold).items()
    ]


def _estimates(answers: FailureAnswers, signal: str, threshold: float) -> dict[str, Estimate]:
    """The figures of a signal; the first signal has no difference from itself."""
    compared = FIRST in answers.signals and signal != FIRST
    return {
        "aurc": answers.estimate(aurc, signal),
        **({"aurc_difference": answers.estimate(aurc, signal, FIRST)} if compared else {}),
        "e_aurc": answers.estimate(excess_aurc, signal),
        "auroc_of_failure": answers.estimate(failure_auroc(threshold), signal),
        "spearman": answers.estimate(spearman, signal),
    }


def failure_conclusions(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
    """For each model, the signal with the smallest AURC at the perturbation and level with most risk.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the sentences.
    """
    worst: dict[str, tuple[str, float, FailureAnswers]] = {}
    for perturbation, level, model, answers in answers_of(failure_rows(rows), models):
        if model not in worst or answers.dice.mean() < worst[model][2].dice.mean():
            worst[model] = (perturbation, level, answers)
    sentences = []
    for model in models:
        if model not in worst:
            continue
        perturbation, level, answers = worst[model]
        where = "on clean images" if perturbation == CLEAN else f"under {perturbation} of {percent(level)}"
        areas = {signal: answers.estimate(aurc, signal) for signal in answers.signals}
        if not areas or float(np.ptp(answers.dice)) == 0:
            sentences.append(f"{model}: {where} all its answers have one Dice, so no signal can order them.")
            continue
        best = min(areas, key=lambda signal: areas[signal].value)
        sentence = (
            f"{model}: {where}, the signal that orders its answers best is {SIGNALS[best]} (AURC {areas[best]}, "
            f"{number(answers.random_aurc)} in random order)"
        )
        if best != FIRST and FIRST in areas:
            gain = answers.estimate(aurc, best, FIRST)
            settled = "settled" if gain.high < 0 else "open"
            sentence += f"; its difference from {SIGNALS[FIRST]} is {settled}: {gain}"
        sentences.append(f"{sentence}.")
    return sentences
