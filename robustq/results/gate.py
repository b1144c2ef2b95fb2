"""A gate: acceptance criteria, decided on the rows of a stress run (docs/definitions.md, The gate)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

import numpy as np

from robustq.errors import RequestError, unknown
from robustq.metric import parse_metric
from robustq.report.gate_report import Line
from robustq.report.numbers import percent
from robustq.request.criteria import Criterion, read_criteria
from robustq.results.decision import Decision, Outcome, decide
from robustq.results.open_runs import AnyRun, open_run
from robustq.results.stress_run import Run
from robustq.statistics import holm


@dataclass(frozen=True)
class Gate:
    """What `robustq.gate` returns.

    Attributes:
        decisions: one for each criterion, model and perturbation.
        run: path of the run directory.
    """

    decisions: Sequence[Decision]
    run: str

    @property
    def outcome(self) -> Outcome:
        """pass if every criterion passes; fail if one fails; else undecided."""
        outcomes = {decision.outcome for decision in self.decisions}
        return "fail" if "fail" in outcomes else "undecided" if "undecided" in outcomes else "pass"

    @property
    def lines(self) -> list[Line]:
        """The decisions in plain data, as tables and files show them."""
        return [
            Line(
                name=words(decision.criterion),
                outcome=decision.outcome,
                estimate=decision.acceptance.estimate,
                bound=decision.acceptance.bound,
                groups=decision.acceptance.groups,
                reason=decision.reason,
                small=decision.criterion.accept_small and decision.criterion.kind != "share",
            )
            for decision in self.decisions
        ]


def gate(run: AnyRun, criteria: Sequence[Criterion] | str | PathLike[str]) -> Gate:
    """Decide acceptance criteria on the groups of a stress run.

    Args:
        run: a finished run, or its directory.
        criteria: criteria, or the path of a TOML file of them.

    Raises:
        RequestError: a criterion names what the run does not have, or the run is not finished.
    """
    opened = open_run(run)
    asked = read_criteria(Path(criteria)) if isinstance(criteria, str | PathLike) else list(criteria)
    if opened.missing_batches:
        raise RequestError(
            f"{opened.directory.path} is not finished: give the same robustq stress command again, then ask the gate"
        )
    opened.require_truth("the gate decides")
    opened.require_levels("the gate decides")
    rows, missing = opened.to_frame(), opened.asked["missing"]
    criteria_of_run = [filled for criterion in asked for filled in _filled(opened, criterion)]
    decisions = [decide(rows, criterion, missing=missing) for criterion in criteria_of_run]
    corrected = holm(np.array([decision.acceptance.p_fail for decision in decisions]))
    return Gate(
        [decision.corrected(float(p_fail)) for decision, p_fail in zip(decisions, corrected, strict=True)],
        str(opened.directory.path),
    )


def _filled(run: Run, criterion: Criterion) -> Iterable[Criterion]:
    """A criterion for every model and perturbation that it leaves open.

    Raises:
        RequestError: it names what the run does not have.
    """
    labels = list(run.spec(run.models[0]).labels)
    domains = sorted({case["domain"] for case in run.cases})
    choices = {
        "metric": run.metrics,
        "perturbation": run.asked["perturbations"],
        "label": labels,
        "domain": domains,
        "model": run.models,
        "baseline": run.models,
    }
    for name, accepted in choices.items():
        given = getattr(criterion, name)
        if given is not None and given not in accepted:
            raise unknown(name, given, accepted)
    _check_direction(criterion)
    _check_bound(criterion)
    levels = list(run.asked["levels"])
    level = max(levels) if criterion.level is None else criterion.level
    if level not in levels and level != 0:
        raise RequestError(f"level {level:g} is not in this run: choose from {', '.join(f'{one:g}' for one in levels)}")
    models = [criterion.model] if criterion.model else [name for name in run.models if name != criterion.baseline]
    if criterion.baseline in models:
        raise RequestError(f"{criterion.baseline!r} is model and baseline of one criterion: name two models")
    perturbations = [criterion.perturbation] if criterion.perturbation else run.asked["perturbations"]
    for model in models:
        for perturbation in perturbations:
            yield replace(criterion, model=model, perturbation=perturbation, level=level)


def _check_direction(criterion: Criterion) -> None:
    """Refuse a bound on the side where the metric is better, which a bad model would pass.

    Raises:
        RequestError: the bound is on the wrong side, or the metric has no retention.
    """
    higher_is_better = parse_metric(criterion.metric).higher_is_better
    wrong, right = ("max", "min") if higher_is_better else ("min", "max")
    if criterion.kind == "retention":
        if not higher_is_better:
            raise RequestError(f'{criterion.metric} has no retention, because lower is better: use kind = "mean"')
    elif getattr(criterion, wrong) is not None:
        better = "higher" if higher_is_better else "lower"
        raise RequestError(f"{criterion.metric} has {wrong}, and {better} is better: give {right}")


def _check_bound(criterion: Criterion) -> None:
    """Refuse a bound above the largest score that there is: it is meant in percent, and every model passes or fails.

    Raises:
        RequestError: the bound is larger.
    """
    largest = parse_metric(criterion.metric).largest
    for name in ("min", "max", "margin"):
        bound = getattr(criterion, name)
        if bound is not None and bound > largest:
            raise RequestError(
                f"{criterion.metric} is at most {largest:g}, and {name} = {bound:g} was given: write {bound:g} % as "
                f"{bound / 100:g}"
            )


def words(criterion: Criterion) -> str:
    """A criterion in words, such as "dice, gaussian 10 %, vq: 90 % of the patients reach 0.8"."""
    assert criterion.level is not None, "it was filled in"
    scope = [criterion.metric, f"{criterion.perturbation} {percent(criterion.level)}", str(criterion.model)]
    scope += [f"label {criterion.label}"] if criterion.label is not None else []
    scope += [f"domain {criterion.domain}"] if criterion.domain is not None else []
    if criterion.kind == "difference":
        return f"{', '.join(scope)}: worse than {criterion.baseline} by less than {criterion.margin:g}"
    limit = f"at least {criterion.min:g}" if criterion.min is not None else f"at most {criterion.max:g}"
    if criterion.kind == "share":
        return f"{', '.join(scope)}: {percent(100 * (criterion.share or 0))} of the patients have {limit}"
    return f"{', '.join(scope)}: {criterion.kind} {limit}"
