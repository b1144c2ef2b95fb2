"""The groups of one model that a criterion is decided on."""

import pandas as pd

from robustq.request.criteria import Criterion
from robustq.results.rows import NO_ANSWER
from robustq.statistics import group_means
from robustq.statistics.group_means import GROUP

Group = tuple[str, ...]
"""A group (patient), by the values of `GROUP`."""


class CriterionGroups:
    """The groups of one model that a criterion is decided on.

    Args:
        rows: rows of the run, in the domain of the criterion.
        criterion: a criterion with nothing left open.
        model: name of the model, or of the baseline.

    Attributes:
        failed: groups with a case that could not be used.
        unanswered: groups with an answer that is not finite.
        missed: groups with a missed label.
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
        self.unit = str(next(iter(self._rows["unit"]), ""))

    def at_level(self) -> pd.Series:
        """The value of each group that has one at the level of the criterion, by group."""
        return self._values(self._rows[self._rows["level"] == self._level])

    def clean(self) -> pd.Series:
        """The value of each group that has one at level 0, by group."""
        return self._values(self._rows[self._rows["level"] == 0])

    def _values(self, rows: pd.DataFrame) -> pd.Series:
        means = group_means(rows, by_label=self._by_label)
        return pd.Series(means["value"].to_numpy(float), index=pd.Index(_keys(means), tupleize_cols=False)).dropna()


def _groups(rows: pd.DataFrame) -> set[Group]:
    return set(_keys(rows))


def _keys(rows: pd.DataFrame) -> list[Group]:
    return [tuple(map(str, key)) for key in rows[list(GROUP)].itertuples(index=False)]
