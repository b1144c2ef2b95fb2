"""Each model against the baseline, as a page says it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from robustq.errors import RequestError
from robustq.report.page.levels import Levels
from robustq.report.page.verdict import Verdict, comparison_verdicts, turned_sentences
from robustq.results.several_runs import join
from robustq.results.stress_run import Run
from robustq.statistics import compare_robustness
from robustq.statistics.robustness_differences import ALL
from robustq.statistics.worst_of_attacks import worst_rows


def page_comparisons(
    runs: Sequence[Run], baseline: str, measures: Sequence[Levels]
) -> tuple[list[Verdict], list[Verdict]]:
    """The verdicts by the first metric that lead a chapter, and those under single perturbations, domains apart.

    The first of a chapter are on the mean over perturbations, and on the worst answers to several attacks. A verdict
    names the other metrics by which the other of the two models holds better.

    Args:
        runs: the runs.
        baseline: name of the model that the others are compared with.
        measures: the metrics; one or more.

    Raises:
        RequestError: the rows of the models cannot be paired.
    """
    rows = join(runs)
    worst = worst_rows(rows, competing(runs))
    # Which attack was the worst differs between models, and with it seed and parameters.
    worst = worst.assign(seed=None, parameters="{}")
    averaged = runs[0].without_attacks  # runs side by side have the same perturbations
    first, *others = measures
    overall, each = _by(first, rows, worst, baseline, averaged, whole=True)
    by_title = {}
    for measure in others:
        try:
            leading, single = _by(measure, rows, worst, baseline, averaged, whole=False)
        except RequestError:  # two models have no value of this metric in common
            continue
        by_title[measure.title] = {(verdict.where, verdict.model): verdict for verdict in [*leading, *single]}

    def with_turns(verdict: Verdict) -> Verdict:
        key = verdict.where, verdict.model
        same = {title: verdicts[key] for title, verdicts in by_title.items() if key in verdicts}
        return replace(verdict, turned=turned_sentences(verdict, baseline, same))

    return list(map(with_turns, overall)), list(map(with_turns, each))


def competing(runs: Sequence[Run]) -> Mapping[str, Sequence[str]]:
    """For each name under which worst answers stand in all runs, the attacks and transfers that they are taken of."""
    first, *_ = of_runs = [run.attacks.competing for run in runs]
    return {
        name: list(dict.fromkeys(attack for of_run in of_runs for attack in of_run[name]))
        for name in first
        if all(name in of_run for of_run in of_runs)
    }


def _by(
    measure: Levels,
    rows: pd.DataFrame,
    worst: pd.DataFrame,
    baseline: str,
    averaged: Sequence[str],
    *,
    whole: bool,
) -> tuple[list[Verdict], list[Verdict]]:
    """The verdicts by one metric that lead a chapter, and those under single perturbations.

    Args:
        measure: the metric.
        rows: all rows.
        worst: the rows of the worst answers to several attacks.
        baseline: name of the baseline.
        averaged: the perturbations that are no attacks.
        whole: whether the sentences that lead stand alone.
    """
    leading: list[Verdict] = []
    each: list[Verdict] = []
    for domain, title in measure.domains.items():
        own = domain if title else None
        compared = _compared(measure, rows, baseline, averaged, own)
        if compared.empty:
            continue
        lead = _lead(list(compared["perturbation"].unique()), averaged)
        is_lead = compared["perturbation"] == lead
        leading += comparison_verdicts(title, compared[is_lead], measure, whole=whole)
        if len(worst):
            leading += _single(_compared(measure, worst, baseline, averaged, own), measure, title)
        each += _single(compared[~is_lead], measure, title)
    return leading, each


def _lead(names: Sequence[str], averaged: Sequence[str]) -> str | None:
    """What leads: the mean over perturbations, else the one that is no attack, else an attack that stands alone."""
    if ALL in names:
        return ALL
    led = [name for name in names if name in averaged] or names
    return led[0] if len(led) == 1 else None


def _compared(
    measure: Levels, rows: pd.DataFrame, baseline: str, averaged: Sequence[str], domain: str | None
) -> pd.DataFrame:
    """What `compare_robustness` gives for a metric in a domain, or in all."""
    kept = rows[(rows["metric"] == measure.metric) | (rows["status"] == "failed")]
    own = kept if domain is None else kept[kept["domain"] == domain]
    return compare_robustness(own, baseline, averaged=averaged, higher_is_better=measure.higher_is_better)


def _single(compared: pd.DataFrame, measure: Levels, title: str) -> list[Verdict]:
    """The verdicts under single perturbations."""
    single = compared[compared["perturbations"] == 1]
    return [
        verdict
        for perturbation, of_one in single.groupby("perturbation", sort=False)
        for verdict in comparison_verdicts(measure.where(str(perturbation), title), of_one, measure, whole=False)
    ]
