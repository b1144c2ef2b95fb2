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
from robustq.statistics.worst_of_attacks import worst_rows


def page_comparisons(
    runs: Sequence[Run], baseline: str, measures: Sequence[Levels]
) -> tuple[list[Verdict], list[Verdict]]:
    """The verdicts by the first metric that lead a chapter, and those under single perturbations, domains apart.

    The first of a chapter are over all perturbations, and on the worst answers to several attacks. A verdict names the
    other metrics by which the other of the two models holds better.

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
    first, *others = measures
    overall, each = _by(first, rows, worst, baseline, whole=True)
    by_title = {}
    for measure in others:
        try:
            leading, single = _by(measure, rows, worst, baseline, whole=False)
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
    measure: Levels, rows: pd.DataFrame, worst: pd.DataFrame, baseline: str, *, whole: bool
) -> tuple[list[Verdict], list[Verdict]]:
    """The verdicts by one metric that lead a chapter, and those under single perturbations.

    Args:
        measure: the metric.
        rows: all rows.
        worst: the rows of the worst answers to several attacks.
        baseline: name of the baseline.
        whole: whether sentences over all perturbations stand alone.
    """
    leading: list[Verdict] = []
    each: list[Verdict] = []
    for domain, title in measure.domains.items():
        compared = _compared(measure, rows, baseline, domain if title else None)
        if compared.empty:
            continue
        leading += comparison_verdicts(title, compared, measure, whole=whole)
        if len(worst):
            of_worst = _compared(measure, worst, baseline, domain if title else None)
            leading += _single(of_worst, measure, title)
        if compared["perturbations"].max() > 1:
            each += _single(compared, measure, title)
    return leading, each


def _compared(measure: Levels, rows: pd.DataFrame, baseline: str, domain: str | None) -> pd.DataFrame:
    """What `compare_robustness` gives for a metric in a domain, or in all."""
    kept = rows[(rows["metric"] == measure.metric) | (rows["status"] == "failed")]
    own = kept if domain is None else kept[kept["domain"] == domain]
    return compare_robustness(own, baseline, higher_is_better=measure.higher_is_better)


def _single(compared: pd.DataFrame, measure: Levels, title: str) -> list[Verdict]:
    """The verdicts under single perturbations."""
    single = compared[compared["perturbations"] == 1]
    return [
        verdict
        for perturbation, of_one in single.groupby("perturbation", sort=False)
        for verdict in comparison_verdicts(measure.where(str(perturbation), title), of_one, measure, whole=False)
    ]
