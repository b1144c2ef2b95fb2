"""The table and the sentences of the analyser `likelihood`."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float

from robustq.analyser import TableFigure
from robustq.report.grid import Grid
from robustq.report.numbers import number, percent
from robustq.request.names import CLEAN
from robustq.statistics.risk_coverage import RESAMPLES, Estimates, Times, failure_auroc, group_resamples, resampled
from robustq_latent.answer_table import UNIT, answer_table
from robustq_latent.estimate import Estimate
from robustq_latent.threshold import stored_threshold

NATS, DICE, TOKEN, THRESHOLD_USED = "nats", "likelihood_dice", "token_nats", "likelihood_threshold"
"""Names of the findings in the column `metric`."""

NO_PRIOR = (
    "No model here has a prior over its codes, so their likelihood is not known: robustq train --prior after fits one."
)

_HEADER = ("model", "level", "nats a token", "AUROC of perturbed", "failures", "AUROC of a failure")


class Images:
    """The nats a token of some images of one model, with the Dice of the answers to them.

    Args:
        rows: the rows of `nats` and of `likelihood_dice`.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        table = answer_table(rows, NATS)
        self.nats: Float[np.ndarray, " n"] = table[NATS].to_numpy()
        self.dice: Float[np.ndarray, " n"] = table[DICE].to_numpy() if DICE in table else np.full(len(table), math.nan)
        self.group_of = table[UNIT].to_numpy(str)

    @property
    def mean(self) -> Estimate:
        """Nats a token, the mean over images."""
        times = group_resamples(self.group_of)

        def mean(times: Times) -> Estimates:
            means: Estimates = (times * self.nats).sum(1) / times.sum(1)
            return means

        return Estimate.of(mean, times, len(set(self.group_of)))


@dataclass(frozen=True)
class Level:
    """What one model's prior says of one perturbation at one level.

    Attributes:
        clean: the clean images.
        drawn: the perturbed images.
    """

    clean: Images
    drawn: Images

    @cached_property
    def auroc_of_perturbed(self) -> Estimate:
        """How often a perturbed image has more nats than a clean one, ties counted half; 0.5 says nothing."""
        is_clean = np.repeat([1.0, 0.0], [len(self.clean.nats), len(self.drawn.nats)])
        nats = np.concatenate([self.clean.nats, self.drawn.nats])
        return _auroc(nats, is_clean, np.concatenate([self.clean.group_of, self.drawn.group_of]), 0.5)

    def auroc_of_failure(self, threshold: float) -> Estimate:
        """How often an answer with a Dice below the threshold has more nats than another, ties counted half."""
        scored = ~np.isnan(self.drawn.dice)
        return _auroc(self.drawn.nats[scored], self.drawn.dice[scored], self.drawn.group_of[scored], threshold)


def _auroc(nats: np.ndarray, dice: np.ndarray, group_of: np.ndarray, threshold: float) -> Estimate:
    if not len(nats):
        return Estimate(math.nan, math.nan, math.nan)
    statistic, times = failure_auroc(threshold), group_resamples(group_of)
    return Estimate.of(lambda times: resampled(statistic, -nats, dice, times), times, len(set(group_of)))


def levels_of(rows: pd.DataFrame, models: Sequence[str]) -> Iterator[tuple[str, float, str, Level]]:
    """What each model's prior says of each perturbation and level, in the order of the table.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the table.
    """
    rows = rows[rows["metric"].isin([NATS, DICE])]
    clean = {model: _images(rows, model, CLEAN, 0.0) for model in models}
    for perturbation, under in rows[rows["level"] > 0].groupby("perturbation", sort=False):
        for level in sorted(under["level"].unique()):
            for model in models:
                drawn, reference = _images(under, model, str(perturbation), float(level)), clean[model]
                if drawn is not None and reference is not None:
                    yield str(perturbation), float(level), model, Level(reference, drawn)


def _images(rows: pd.DataFrame, model: str, perturbation: str, level: float) -> Images | None:
    chosen = rows[(rows["model"] == model) & (rows["perturbation"] == perturbation) & (rows["level"] == level)]
    return Images(chosen) if (chosen["metric"] == NATS).any() else None


def likelihood_grids(rows: pd.DataFrame, models: Sequence[str], *, sample: str) -> Sequence[Grid]:
    """One table: nats a token and both AUROC by level, with intervals.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the lines.
        sample: description of the cases, for the title.
    """
    threshold = stored_threshold(rows, THRESHOLD_USED)
    if math.isnan(threshold):  # no model has a prior
        return []
    sections: dict[str, list[list[str]]] = {}
    clean_lines = {}
    for perturbation, level, model, found in levels_of(rows, models):
        clean_lines[model] = [
            model,
            percent(0.0),
            str(found.clean.mean),
            *_cells(found.clean.dice, threshold, "–", "–"),
        ]
        cells = _cells(
            found.drawn.dice, threshold, str(found.auroc_of_perturbed), str(found.auroc_of_failure(threshold))
        )
        sections.setdefault(perturbation, []).append([model, percent(level), str(found.drawn.mean), *cells])
    codes = rows[rows["metric"] == "prior_codes"].drop_duplicates("model")
    uniform = ", ".join(
        f"{number(math.log(size))} for the {size:g} codes of {model}"
        for model, size in zip(codes["model"], codes["value"], strict=True)
    )
    notes = [
        f"nats a token: the mean of -log p of the codes under the model's prior. A prior that knows nothing has "
        f"{uniform}. It does not compare models: few codes in use can make few nats, and codes that lie close together "
        "make many, because the prior is fitted to soft codes.",
        "AUROC of perturbed: how often a perturbed image has more nats than a clean one; 0.5 says nothing, 1 is "
        f"perfect. AUROC of a failure: how often an answer whose mean Dice is below {threshold:g} has more nats than "
        "another answer at this level; – where no answer fails, or all do.",
        f"Each figure is over images, with its 95 % bootstrap interval over groups (patients), {RESAMPLES} resamples. "
        "It says nothing of images that no perturbation of this run makes.",
        *[f"{model} has no prior, so no value applies." for model in models if model not in set(codes["model"])],
    ]
    lines = [(CLEAN, list(clean_lines.values())), *sections.items()]
    return [Grid(f"Likelihood of codes on {sample}", _HEADER, lines, notes)]


def likelihood_table_figures(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[TableFigure]:
    """The figures of the table in full precision.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the figures.
    """
    threshold = stored_threshold(rows, THRESHOLD_USED)
    clean: dict[str, TableFigure] = {}
    figures = []
    for perturbation, level, model, found in levels_of(rows, models):
        clean.setdefault(model, found.clean.mean.in_full(model, CLEAN, 0.0, NATS))
        estimates = {
            NATS: found.drawn.mean,
            "auroc_of_perturbed": found.auroc_of_perturbed,
            "auroc_of_failure": found.auroc_of_failure(threshold),
        }
        figures += [estimate.in_full(model, perturbation, level, name) for name, estimate in estimates.items()]
    return [*clean.values(), *figures]


def _cells(dice: np.ndarray, threshold: float, of_perturbed: str, of_failure: str) -> list[str]:
    failures = f"{int((dice < threshold).sum())} of {int((~np.isnan(dice)).sum())}"
    return [of_perturbed, failures, of_failure]


def likelihood_conclusions(rows: pd.DataFrame, models: Sequence[str]) -> Sequence[str]:
    """For each model with a prior, how well it tells perturbed images where their answers are worst.

    Args:
        rows: rows of a whole analysis.
        models: models in the order of the sentences.
    """
    threshold = stored_threshold(rows, THRESHOLD_USED)
    if math.isnan(threshold):
        return [NO_PRIOR]
    worst: dict[str, tuple[str, float, Level]] = {}
    for perturbation, level, model, found in levels_of(rows, models):
        if np.isnan(found.drawn.dice).all():
            continue
        if model not in worst or np.nanmean(found.drawn.dice) < np.nanmean(worst[model][2].drawn.dice):
            worst[model] = (perturbation, level, found)
    sentences = []
    for model in models:
        if model not in worst:
            continue
        perturbation, level, found = worst[model]
        sentence = (
            f"{model}: under {perturbation} of {percent(level)}, where its answers are worst, perturbed images have "
            f"more nats than clean ones with AUROC {found.auroc_of_perturbed}"
        )
        of_failure = found.auroc_of_failure(threshold)
        tells = "" if math.isnan(of_failure.value) else f", and failures more than other answers with {of_failure}"
        sentences.append(f"{sentence}{tells} (0.5 says nothing).")
    return sentences
