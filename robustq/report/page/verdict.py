"""Sentences that say how a model holds under a perturbation, how sure that is, and what would change it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pandas as pd

from robustq.report.numbers import count, interval_of_amount, number, percent
from robustq.report.page.levels import Levels
from robustq.report.robustness_table import robustness_verdicts


@dataclass(frozen=True)
class Verdict:
    """One sentence, and what would change it.

    Attributes:
        where: the perturbation, with the domain if there are several.
        model: name of the model.
        sentence: the verdict with its interval.
        change: what would change it.
        settled: whether the interval excludes 0.
        compared: whether the sentence compares the model with the baseline.
        figures: the figures of the sentence, unrounded, by name.
        turned: sentences on the metrics by which the other of the two compared models holds better.
    """

    where: str
    model: str
    sentence: str
    change: str
    settled: bool
    compared: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)
    turned: Sequence[str] = ()


def level_verdicts(measure: Levels) -> list[Verdict]:
    """For each perturbation, domain and model, what is lost from level 0 to the highest level."""
    verdicts = []
    for perturbation in measure.perturbations:
        for domain, title in measure.domains.items():
            for model in measure.models:
                curve = measure.curve(model, perturbation, domain)
                if len(curve) > 1:
                    where = measure.where(perturbation, title)
                    verdicts.append(_of_curve(where, model, curve.to_dict("records"), measure))
    return verdicts


def comparison_verdicts(where: str, compared: pd.DataFrame, measure: Levels, *, whole: bool) -> list[Verdict]:
    """For each model, what it loses compared with the baseline.

    Args:
        where: names the perturbation and the domain.
        compared: the rows of one perturbation in what `robustq.statistics.compare_robustness` gave, or those of "all".
        measure: the metric.
        whole: whether the sentence stands alone, so that it also says the levels, the sample and the difference at
            level 0.
    """
    sentences = robustness_verdicts(compared, measure.title, measure.unit, higher_is_better=measure.higher_is_better)
    verdicts = []
    for (model, rows), sentence in zip(compared.groupby("model", sort=False), sentences, strict=True):
        drop = rows[rows["measure"] == "drop"].iloc[0]
        figures = {name: float(drop[name]) for name in ("difference", "low", "high")}
        change = _change(figures["difference"], figures["low"], figures["high"], int(drop["groups"]))
        settled = _settled(figures["low"], figures["high"])
        text = sentence if whole else _briefly(str(model), str(drop["baseline"]), figures, measure)
        verdicts.append(Verdict(where, str(model), text, change, settled, True, figures))
    return verdicts


def turned_sentences(verdict: Verdict, baseline: str, others: Mapping[str, Verdict]) -> list[str]:
    """For each other metric by which the other model may hold better, a sentence with the amount, and a settled winner.

    Args:
        verdict: compares a model with the baseline by the first metric.
        baseline: name of the baseline.
        others: by the title of another metric, the verdict on the same model in the same place.
    """
    sentences = []
    for title, other in others.items():
        difference = other.figures["difference"]
        if verdict.figures["difference"] * difference < 0:
            winner = other.model if difference < 0 else baseline
            turn = (
                f"By {title} it is the other way round, and that is settled: {winner} holds better."
                if other.settled
                else f"By {title} it may be the other way round, which is open."
            )
            sentences.append(f"{turn} {other.sentence}")
    return sentences


def _briefly(model: str, baseline: str, figures: Mapping[str, float], measure: Levels) -> str:
    """The comparison alone, where its surroundings say the rest."""
    difference, low, high = figures["difference"], figures["low"], figures["high"]
    if math.isnan(difference):
        return f"{model} and {baseline} have no finite difference."
    interval = "(no interval)" if math.isnan(low) else interval_of_amount(difference, low, high, measure.digits)
    unit = f" {measure.unit}" if measure.unit else ""
    amount = f"{abs(difference):.{measure.digits}f} {interval}{unit} {'less' if difference < 0 else 'more'}"
    if measure.higher_is_better:
        return f"{model} loses {amount} {measure.title} than {baseline}."
    return f"The {measure.title} of {model} rises by {amount} than that of {baseline}."


def _of_curve(where: str, model: str, curve: Sequence[Mapping[Any, Any]], measure: Levels) -> Verdict:
    first, last = curve[0], curve[-1]
    drop, low, high = (float(last[name]) for name in ("drop", "drop_low", "drop_high"))
    values = {"clean": float(first["mean"]), "worst": float(last["mean"])}
    figures = {"drop": drop, "low": low, "high": high, **values}
    ends = f"from {number(values['clean'], measure.digits)} at {percent(first['level'])}"
    ends += f" to {number(values['worst'], measure.digits)} at {percent(last['level'])}"
    sample = count(int(last["groups"]), "patient")
    if not math.isfinite(drop):
        sentence = f"its {measure.name} goes {ends}; there is no finite difference ({sample})."
        return Verdict(
            where, model, sentence, "With --missing diagonal, every distance is finite.", False, False, figures
        )
    interval = "(no interval)" if math.isnan(low) else interval_of_amount(drop, low, high, measure.digits)
    amount = f"{abs(drop):.{measure.digits}f} {interval}"
    if measure.higher_is_better:
        what = f"{'loses' if drop >= 0 else 'gains'} {amount} {measure.title}"
    else:
        unit = f" {measure.unit}" if measure.unit else ""
        what = f"its {measure.title} {'rises' if drop >= 0 else 'falls'} by {amount}{unit}"
    sentence = f"{what}, {ends} ({sample})."
    change = f"{_steepest(curve)}{_change(drop, low, high, int(last['groups']))}"
    return Verdict(where, model, sentence, change.strip(), _settled(low, high), False, figures)


def _steepest(curve: Sequence[Mapping[Any, Any]]) -> str:
    """Between which neighbouring levels most is lost for each point of level; "" with a single level above 0."""
    if len(curve) < 3:
        return ""
    slopes = [
        (float(later["drop"]) - float(before["drop"])) / (float(later["level"]) - float(before["level"]))
        for before, later in pairwise(curve)
    ]
    if not all(map(math.isfinite, slopes)) or max(slopes) <= 0:
        return ""
    before, later = list(pairwise(curve))[slopes.index(max(slopes))]
    return f"Per point of level, most is lost from {percent(before['level'])} to {percent(later['level'])}. "


SETTLED = (
    "Settled means that the 95 % interval excludes 0: these patients leave no doubt about the sign. Another training "
    "seed, other data or a higher level can change it."
)
"""What would change a verdict that is settled."""


def _change(value: float, low: float, high: float, groups: int) -> str:
    """What would change a verdict that is not settled; "" for one that is, because `SETTLED` says it for all."""
    if math.isnan(low):
        return "One patient gives no interval: measure more patients."
    if _settled(low, high):
        return ""
    half = (high - low) / 2
    if value == 0 or half == 0:
        return "The interval contains 0."
    needed = math.ceil(groups * (half / abs(value)) ** 2)
    if needed <= groups:  # a few patients differ much from the others, so the rule, for a bell curve, does not hold
        return "The interval contains 0."
    # Far beyond what was measured, the rule says no more than: very many.
    many = f"about {needed}" if needed <= 100 * groups else f"more than {100 * groups}"
    return f"The interval contains 0. To settle a difference of this size would take {many} patients."


def _settled(low: float, high: float) -> bool:
    return bool(low > 0 or high < 0)
