"""The part of a page that shows stress runs: verdicts, matrix, curves and tables."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from robustq.errors import RequestError
from robustq.metric import parse_metric
from robustq.report.grid import Grid
from robustq.report.numbers import count, percent
from robustq.report.page.contents import Chapter
from robustq.report.page.levels import Levels
from robustq.report.page.seeds import seed_sentences
from robustq.report.page.verdict import Verdict, level_verdicts
from robustq.results.overlooked import missed_alerts, overlooked
from robustq.results.page_comparisons import competing, page_comparisons
from robustq.results.ranking import ranking
from robustq.results.several_runs import architectures
from robustq.results.stress_run import Run
from robustq.results.tidy_curves import tidy_curves

MOST = 10
"""Largest number of unusable cases that an alert names."""


def page_chapter(
    runs: Sequence[Run], baseline: str | None, verdicts: Sequence[str] = (), *, show_cases: bool = True
) -> Chapter:
    """The chapter of runs that have the same cases, levels and noise, or of one run.

    Args:
        runs: the runs; no two of their models share a name.
        baseline: name of the model that the others are compared with; None compares nothing.
        verdicts: verdicts of analyses on the models.
        show_cases: whether sentences name cases that could not be used.
    """
    measures = page_measures(runs)
    overall: list[Verdict] = []
    each: list[Verdict] = []
    refusals: list[str] = []
    if baseline is not None and measures:
        try:
            overall, each = page_comparisons(runs, baseline, measures)
        except RequestError as error:
            # The reason can name a case.
            reason = f": {error}" if show_cases else ", because their rows cannot be paired"
            refusals.append(f"The models are not compared{reason}.")
    # Without a baseline, the first that is said of several attacks is the worst answers to them.
    worst = [verdict for first in measures[:1] for verdict in level_verdicts(replace(first, perturbations=first.worst))]
    rankings: list[Grid] = []
    # Of two models in one run, the comparison says all.
    if len({model for run in runs for model in run.models}) > (2 if len(runs) == 1 else 1):
        try:
            # The page shows the notes on models and sample elsewhere.
            rankings.append(ranking(runs).grid(notes=False))
        except RequestError as error:
            refusals.append(f"There is no ranking{f': {error}' if show_cases else ', because rows cannot be paired'}.")
    return Chapter(
        heading=", ".join(run.directory.path.name for run in runs),
        facts=_facts(runs),
        alerts=[*verdicts, *_alerts(runs, verdicts, show_cases), *refusals],
        comparisons=overall or worst,
        rankings=rankings,
        seeds=seed_sentences(measures[0], _networks(runs)) if measures else [],
        verdicts=[*(level_verdicts(measures[0]) if measures else []), *each],
        measures=measures,
        tables=[grid for run in runs for grid in run.grids()],
        overlooked=[overlooked(run) for run in runs],
    )


def page_measures(runs: Sequence[Run]) -> list[Levels]:
    """Each metric that all runs have, with the models of all runs side by side."""
    first = runs[0]
    if first.scale is not None:
        return []  # the table alone: a number of a target is no place on a curve
    rows = pd.concat([tidy_curves(run) for run in runs], ignore_index=True)
    measures = []
    for metric in first.metrics:
        own = rows[rows["metric"] == metric]
        if own.empty or not all(metric in run.metrics for run in runs):
            continue
        measure = parse_metric(metric)
        measures.append(
            Levels(
                metric=metric,
                unit=str(own["unit"].iloc[0]),
                higher_is_better=measure.higher_is_better,
                models=list(dict.fromkeys(model for run in runs for model in run.models)),
                perturbations=list(dict.fromkeys(name for run in runs for name in _panels(run))),
                domains=first.domains.titles,
                rows=own,
                worst=list(competing(runs)),
                averaged=len(first.averaged),
            )
        )
    return measures


def _networks(runs: Sequence[Run]) -> dict[str, list[str]]:
    """The trained networks of each architecture; empty unless two architectures or more have networks of many seeds."""
    trained = {
        model: run.spec(model).seed for run in runs for model in run.models if run.spec(model).training is not None
    }
    networks: dict[str, list[str]] = {}
    for model, architecture in architectures(runs).items():
        if model in trained:
            networks.setdefault(architecture, []).append(model)
    seeds_differ = all(len({trained[model] for model in models}) == len(models) for models in networks.values())
    several = len(networks) > 1 and max(map(len, networks.values())) > 1
    return networks if several and seeds_differ else {}


def _panels(run: Run) -> list[str]:
    """What the models were shown; the names of the worst answers stand before the first attack."""
    names_in_rows, competing = run.shown, run.attacks.competing
    attacks = {attack for names in competing.values() for attack in names}
    first = next((place for place, name in enumerate(names_in_rows) if name in attacks), len(names_in_rows))
    return [*names_in_rows[:first], *competing, *names_in_rows[first:]]


def _facts(runs: Sequence[Run]) -> list[str]:
    """Short facts on the sample."""
    asked, cases = runs[0].asked, runs[0].cases
    groups = len({case["group"] for case in cases})
    domains = len({case["domain"] for case in cases})
    models = len({model for run in runs for model in run.models})
    return [
        f"data: {runs[0].data}",
        count(len(cases), "case"),
        count(groups, "patient"),
        *([count(domains, "domain")] if domains > 1 else []),
        count(models, "model"),
        f"levels {', '.join(percent(level) for level in asked['levels'])}"
        if runs[0].scale is None
        else f"severity {runs[0].scale.severity}",
        count(asked["draws"], "draw"),
    ]


def _alerts(runs: Sequence[Run], verdicts: Sequence[str], show_cases: bool) -> list[str]:
    """What a reader must not overlook, beside the verdicts."""
    alerts: list[str] = []
    for run in runs:
        alerts += [*run.unfinished_notes(), *run.heads]
        if run.scale is not None and not run.scale.is_reached:
            alerts.append(
                "Some targets are out of reach for some cases, so the columns of the table have different samples: the "
                "notes under it say how many cases each lacks."
            )
        alerts += _remarks(run, verdicts)
        alerts += missed_alerts(run)
        alerts += [*run.invented_notes(), *run.attack_notes(), *run.raised_notes()]
        failures = run.failures
        if failures:
            cases = len(run.cases) + len(failures)
            examples = "; ".join(f"{case}: {reason}" for case, reason in list(failures.items())[:MOST])
            more = f"; and {len(failures) - MOST} more" if len(failures) > MOST else ""
            reasons = f" {examples}{more}." if show_cases else ""
            alerts.append(f"{len(failures)} of {cases} cases could not be used and are in no figure.{reasons}")
        alerts += run.earlier_notes()
    return list(dict.fromkeys(alerts))


def _remarks(run: Run, verdicts: Sequence[str]) -> list[str]:
    """The remarks on each model, unless its verdict ends with them."""
    sentences = {model: "; ".join(remarks) for model, remarks in run.remarks().items() if remarks}
    return [
        f"{model}: {sentence}."
        for model, sentence in sentences.items()
        if not any(verdict.startswith(f"{model}: ") and verdict.endswith(sentence) for verdict in verdicts)
    ]
