"""A gate: acceptance criteria, decided on the rows of a stress run (docs/definitions.md, The gate)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from robustq.errors import RequestError, unknown
from robustq.metric import parse_metrics
from robustq.report.gate_report import Line
from robustq.report.numbers import count, percent
from robustq.request.criteria import Criterion, read_criteria
from robustq.results.stress_run import Run
from robustq.statistics import group_means, holm
from robustq.statistics.acceptance import ALPHA, Acceptance, mean_reaching, share_reaching
from robustq.statistics.group_means import GROUP

Outcome = Literal["pass", "fail", "undecided"]

FEWEST = 50
"""Smallest number of groups for a pass by the bound of a mean."""

NO_ANSWER = "no-answer"
"""Status of a row whose answer is not finite."""


@dataclass(frozen=True)
class Decision:
    """What the gate says of one criterion for one model under one perturbation.

    Attributes:
        criterion: the criterion, with nothing left open.
        acceptance: what the sample says.
        outcome: pass, fail or undecided.
        reason: why, in one sentence.
        p_fail: p of the test that it fails, corrected by Holm's method over all criteria of the gate.
    """

    criterion: Criterion
    acceptance: Acceptance
    outcome: Outcome
    reason: str
    p_fail: float


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


def gate(run: Run | str | PathLike[str], criteria: Sequence[Criterion] | str | PathLike[str]) -> Gate:
    """Decide acceptance criteria on the groups of a stress run.

    Args:
        run: a finished run, or its directory.
        criteria: criteria, or the path of a TOML file of them.

    Raises:
        RequestError: a criterion names what the run does not have, or the run is not finished.
    """
    opened = run if isinstance(run, Run) else Run(run)
    asked = read_criteria(Path(criteria)) if isinstance(criteria, str | PathLike) else list(criteria)
    if opened.missing_batches:
        raise RequestError(
            f"{opened.directory.path} is not finished: give the same robustq stress command again, then ask the gate"
        )
    opened.require_truth("the gate decides")
    opened.require_levels("the gate decides")
    rows = opened.to_frame()
    decisions = [_decide(opened, rows, criterion) for line in asked for criterion in _filled(opened, line)]
    corrected = holm(np.array([decision.acceptance.p_fail for decision in decisions]))
    return Gate(
        [_failed(one, float(p)) for one, p in zip(decisions, corrected, strict=True)], str(opened.directory.path)
    )


def _filled(run: Run, criterion: Criterion) -> Iterable[Criterion]:
    """A criterion for every model and perturbation that it leaves open.

    Raises:
        RequestError: it names what the run does not have.
    """
    labels = list(run.spec(run.models[0]).labels)
    domains = sorted({case["domain"] for case in run.asked["data"]["cases"]})
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
    (measure,) = parse_metrics(criterion.metric).values()
    wrong, right = ("max", "min") if measure.higher_is_better else ("min", "max")
    if criterion.kind == "retention":
        if not measure.higher_is_better:
            raise RequestError(f'{criterion.metric} has no retention, because lower is better: use kind = "mean"')
    elif getattr(criterion, wrong) is not None:
        better = "higher" if measure.higher_is_better else "lower"
        raise RequestError(f"{criterion.metric} has {wrong}, and {better} is better: give {right}")


def _decide(run: Run, rows: pd.DataFrame, criterion: Criterion) -> Decision:
    (measure,) = parse_metrics(criterion.metric).values()
    if criterion.domain is not None:
        rows = rows[rows["domain"] == criterion.domain]
    alpha = ALPHA / criterion.looks
    assert criterion.model is not None, "it was filled in"
    of_model = _Selected(rows, criterion, criterion.model)
    if criterion.kind == "share":
        least, sign = (criterion.min, 1) if criterion.min is not None else (criterion.max, -1)
        assert least is not None, "checked when the criterion was read"
        assert criterion.share is not None, "checked when the criterion was read"
        values = of_model.values(at_level=True)
        reached = (sign * values >= sign * least) & ~values.index.isin(list(of_model.spoilt))
        lost = (of_model.failed | of_model.unanswered) - set(values.index)
        acceptance = share_reaching(
            np.concatenate([reached.to_numpy(bool), np.zeros(len(lost), bool)]), criterion.share, alpha=alpha
        )
        return _passed(criterion, acceptance, alpha, small_allowed=True)
    if of_model.unanswered:
        reason = f"{count(len(of_model.unanswered), 'group')} with an answer that is not finite"
        return _failed_outright(criterion, reason)
    if of_model.missed and measure.measures_distance and run.asked["missing"] == "drop":
        reason = f"a label is missed in {count(len(of_model.missed), 'group')}, and --missing drop gave it no value"
        return _failed_outright(criterion, reason)
    at_level = of_model.values(at_level=True)
    if criterion.kind == "mean":
        least, sign = (criterion.min, 1) if criterion.min is not None else (criterion.max, -1)
        assert least is not None, "checked when the criterion was read"
        if of_model.failed and not (measure.higher_is_better and not of_model.unit):
            reason = f"{count(len(of_model.failed), 'group')} with a failed case, whose {criterion.metric} is not known"
            return _failed_outright(criterion, reason)
        # The worst value of a share is 0.
        worst = pd.Series(0.0, index=pd.Index(sorted(of_model.failed), tupleize_cols=False))
        kept = at_level[~at_level.index.isin(list(of_model.failed))]
        sample = np.concatenate([kept.to_numpy(float), worst.to_numpy(float)])[:, None]
        acceptance = mean_reaching(sign * sample, lambda means: means[:, 0], sign * least, alpha=alpha)
        acceptance = replace(acceptance, estimate=sign * acceptance.estimate, bound=sign * acceptance.bound)
        return _passed(criterion, acceptance, alpha)
    if criterion.kind == "retention":
        clean = of_model.values(at_level=False)
        pairs = pd.concat([at_level, clean], axis=1, join="inner").dropna().to_numpy(float)
        assert criterion.min is not None, "checked when the criterion was read"
        acceptance = mean_reaching(pairs, _ratio, criterion.min, alpha=alpha)
        return _passed(criterion, acceptance, alpha)
    assert criterion.baseline is not None, "checked when the criterion was read"
    assert criterion.margin is not None, "checked when the criterion was read"
    base = _Selected(rows, criterion, criterion.baseline)
    pairs = pd.concat([at_level, base.values(at_level=True)], axis=1, join="inner").dropna().to_numpy(float)
    sign = 1 if measure.higher_is_better else -1
    difference = sign * (pairs[:, :1] - pairs[:, 1:]) if len(pairs) else np.zeros((0, 1))
    acceptance = mean_reaching(difference, lambda means: means[:, 0], -criterion.margin, alpha=alpha)
    return _passed(criterion, acceptance, alpha)


def _failed_outright(criterion: Criterion, reason: str) -> Decision:
    """The decision on a criterion for which no bound can be computed without leaving bad answers out."""
    return Decision(criterion, Acceptance(0, math.nan, math.nan, 1.0, 0.0, None), "fail", reason, 0.0)


def _ratio(means: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(means[:, 0] / means[:, 1])


class _Selected:
    """The rows of one model that a criterion looks at.

    Attributes:
        failed: groups with a case that could not be used.
        unanswered: groups with an answer that is not finite.
        missed: groups with a missed label.
        spoilt: groups with any of these.
        unit: unit of the metric in these rows.
    """

    def __init__(self, rows: pd.DataFrame, criterion: Criterion, model: str) -> None:
        rows = rows[rows["model"] == model]
        self.failed = _groups(rows[rows["status"] == "failed"])
        scored = rows[(rows["metric"] == criterion.metric) & (rows["perturbation"] == criterion.perturbation)]
        self._by_label = criterion.label is not None
        self._rows = scored[scored["label"] == criterion.label] if self._by_label else scored
        self._level = criterion.level
        at_level = self._rows[self._rows["level"] == self._level]
        self.unanswered = _groups(at_level[at_level["status"] == NO_ANSWER])
        self.missed = _groups(at_level[at_level["status"] == "missed"])
        self.spoilt = self.failed | self.unanswered | self.missed
        self.unit = str(next(iter(self._rows["unit"]), ""))

    def values(self, *, at_level: bool) -> pd.Series:
        """The value of each group that has one, at the level of the criterion or at level 0."""
        rows = self._rows[self._rows["level"] == (self._level if at_level else 0)]
        means = group_means(rows, by_label=self._by_label)
        keys = [tuple(map(str, key)) for key in means[list(GROUP)].itertuples(index=False)]
        return pd.Series(means["value"].to_numpy(float), index=pd.Index(keys, tupleize_cols=False)).dropna()


def _groups(rows: pd.DataFrame) -> set[tuple[str, ...]]:
    return {tuple(map(str, key)) for key in rows[list(GROUP)].itertuples(index=False)}


def _passed(criterion: Criterion, acceptance: Acceptance, alpha: float, *, small_allowed: bool = False) -> Decision:
    """The decision before the correction of the failures."""
    small = acceptance.groups < FEWEST and not (criterion.accept_small or small_allowed)
    if acceptance.p_pass <= alpha and not small:
        return Decision(criterion, acceptance, "pass", "the bound is on the right side", acceptance.p_fail)
    if acceptance.p_pass <= alpha:
        needed = f"a pass by a mean needs {FEWEST} groups, or accept_small = true"
        acceptance = replace(acceptance, needed=FEWEST)
        return Decision(criterion, acceptance, "undecided", needed, acceptance.p_fail)
    least = acceptance.needed
    if least is not None and not (criterion.accept_small or small_allowed):
        acceptance = replace(acceptance, needed=max(least, FEWEST))
    reason = (
        "no number of groups like these would pass"
        if acceptance.needed is None
        else f"if the estimate stayed, {acceptance.needed} groups would pass"
    )
    return Decision(criterion, acceptance, "undecided", reason, acceptance.p_fail)


def _failed(decision: Decision, p: float) -> Decision:
    """The decision with the failures corrected over all criteria."""
    decision = replace(decision, p_fail=p)
    if decision.outcome == "undecided" and p <= ALPHA / decision.criterion.looks:
        return replace(decision, outcome="fail", reason="the sample contradicts the criterion")
    return decision


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
