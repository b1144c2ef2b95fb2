"""Decides one acceptance criterion on the rows of a stress run (docs/definitions.md, The gate)."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from robustq.metric import AbstractMetric, parse_metric
from robustq.report.numbers import count
from robustq.request.criteria import Criterion
from robustq.results.criterion_groups import CriterionGroups
from robustq.statistics.acceptance import ALPHA, Acceptance, mean_reaching, share_reaching

Outcome = Literal["pass", "fail", "undecided"]

FEWEST = 50
"""Smallest number of groups for a pass by the bound of a mean."""


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

    def corrected(self, p_fail: float) -> "Decision":
        """The decision with its p corrected over all criteria, which can turn undecided into fail."""
        decision = replace(self, p_fail=p_fail)
        if self.outcome == "undecided" and p_fail <= ALPHA / self.criterion.looks:
            return replace(decision, outcome="fail", reason="the sample contradicts the criterion")
        return decision


def decide(rows: pd.DataFrame, criterion: Criterion, *, missing: str) -> Decision:
    """The decision on a criterion, before p is corrected over all criteria.

    Args:
        rows: rows of the run.
        criterion: the criterion, with nothing left open.
        missing: the run's policy for the distance to a missed structure.
    """
    assert criterion.model is not None, "it was filled in"
    if criterion.domain is not None:
        rows = rows[rows["domain"] == criterion.domain]
    groups = CriterionGroups(rows, criterion, criterion.model)
    if criterion.kind == "share":
        return _settled(criterion, _share(criterion, groups))
    metric = parse_metric(criterion.metric)
    reason = _no_bound(criterion, groups, metric, missing)
    if reason is not None:
        return Decision(criterion, Acceptance(0, math.nan, math.nan, 1.0, 0.0, None), "fail", reason, 0.0)
    if criterion.kind == "mean":
        return _settled(criterion, _mean(criterion, groups))
    if criterion.kind == "retention":
        return _settled(criterion, _retention(criterion, groups))
    assert criterion.baseline is not None, "a difference has one"
    baseline = CriterionGroups(rows, criterion, criterion.baseline)
    return _settled(criterion, _difference(criterion, groups, baseline, metric))


def _no_bound(criterion: Criterion, groups: CriterionGroups, metric: AbstractMetric, missing: str) -> str | None:
    """Why no bound of a mean can be computed without leaving bad answers out; None where one can."""
    if groups.unanswered:
        return f"{count(len(groups.unanswered), 'group')} with an answer that is not finite"
    if groups.missed and metric.measures_distance and missing == "drop":
        return f"a label is missed in {count(len(groups.missed), 'group')}, and --missing drop gave it no value"
    worst_known = metric.higher_is_better and not groups.unit
    if criterion.kind == "mean" and groups.failed and not worst_known:
        return f"{count(len(groups.failed), 'group')} with a failed case, whose {criterion.metric} is not known"
    return None


def _share(criterion: Criterion, groups: CriterionGroups) -> Acceptance:
    """Whether the share of the groups reaches the value. Groups with a bad answer or a failed case do not reach it."""
    assert criterion.share is not None, "a share has one"
    values, (sign, least) = groups.at_level(), _least(criterion)
    spoilt = groups.failed | groups.unanswered | groups.missed
    reached = (sign * values >= sign * least) & ~values.index.isin(list(spoilt))
    lost = (groups.failed | groups.unanswered) - set(values.index)
    sample = np.concatenate([reached.to_numpy(bool), np.zeros(len(lost), bool)])
    return share_reaching(sample, criterion.share, alpha=_alpha(criterion))


def _mean(criterion: Criterion, groups: CriterionGroups) -> Acceptance:
    """Whether the mean reaches the value. A group with a failed case counts with the worst value of a share, 0."""
    values, (sign, least) = groups.at_level(), _least(criterion)
    kept = values[~values.index.isin(list(groups.failed))].to_numpy(float)
    sample = np.concatenate([kept, np.zeros(len(groups.failed))])[:, None]
    acceptance = mean_reaching(sign * sample, _first, sign * least, alpha=_alpha(criterion))
    return replace(acceptance, estimate=sign * acceptance.estimate, bound=sign * acceptance.bound)


def _retention(criterion: Criterion, groups: CriterionGroups) -> Acceptance:
    """Whether the mean at the level, divided by that at level 0, reaches the value."""
    assert criterion.min is not None, "a retention has one"
    return mean_reaching(_pairs(groups.at_level(), groups.clean()), _ratio, criterion.min, alpha=_alpha(criterion))


def _difference(
    criterion: Criterion, groups: CriterionGroups, baseline: CriterionGroups, metric: AbstractMetric
) -> Acceptance:
    """Whether the model is worse than the baseline by less than the margin."""
    assert criterion.margin is not None, "a difference has one"
    pairs = _pairs(groups.at_level(), baseline.at_level())
    sign = 1 if metric.higher_is_better else -1
    difference = sign * (pairs[:, :1] - pairs[:, 1:]) if len(pairs) else np.zeros((0, 1))
    return mean_reaching(difference, _first, -criterion.margin, alpha=_alpha(criterion))


def _least(criterion: Criterion) -> tuple[int, float]:
    """1 and the smallest value that is accepted, or -1 and the largest, for metrics of which lower is better."""
    if criterion.min is not None:
        return 1, criterion.min
    assert criterion.max is not None, "a share and a mean have one of the two"
    return -1, criterion.max


def _alpha(criterion: Criterion) -> float:
    """The probability of a false pass that one look may have."""
    return ALPHA / criterion.looks


def _pairs(first: pd.Series, second: pd.Series) -> np.ndarray:
    """The two values of each group that has both, (G, 2)."""
    return pd.concat([first, second], axis=1, join="inner").dropna().to_numpy(float)


def _first(means: np.ndarray) -> np.ndarray:
    return means[:, 0]


def _ratio(means: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(means[:, 0] / means[:, 1])


def _settled(criterion: Criterion, acceptance: Acceptance) -> Decision:
    """Pass where the bound is on the right side, else undecided, with the number of groups that would pass."""
    # The bound of a share is exact for any number of groups, that of a mean is not.
    small_accepted = criterion.accept_small or criterion.kind == "share"
    if acceptance.p_pass <= _alpha(criterion) and (acceptance.groups >= FEWEST or small_accepted):
        return Decision(criterion, acceptance, "pass", "the bound is on the right side", acceptance.p_fail)
    if acceptance.p_pass <= _alpha(criterion):
        reason = f"a pass by a mean needs {FEWEST} groups, or accept_small = true"
        return Decision(criterion, replace(acceptance, needed=FEWEST), "undecided", reason, acceptance.p_fail)
    if acceptance.needed is None:
        return Decision(
            criterion, acceptance, "undecided", "no number of groups like these would pass", acceptance.p_fail
        )
    needed = acceptance.needed if small_accepted else max(acceptance.needed, FEWEST)
    reason = f"if the estimate stayed, {needed} groups would pass"
    return Decision(criterion, replace(acceptance, needed=needed), "undecided", reason, acceptance.p_fail)
