"""A figure with its bootstrap interval, as text of a table."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from robustq.analyser import TableFigure
from robustq.report.numbers import number, with_interval
from robustq.statistics.bootstrap import CONFIDENCE
from robustq.statistics.risk_coverage import Estimates, Times, group_interval, once


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, statistic: Callable[[Times], Estimates], times: Times, groups: int) -> "Estimate":
        """The figure of all answers, and its interval over resamples of the groups.

        Args:
            statistic: gives the figure for each row of counts, which say how often each answer counts.
            times: the resamples.
            groups: number of groups.
        """
        low, high = group_interval(statistic(times), groups, CONFIDENCE)
        return cls(float(statistic(once(times.shape[1]))[0]), low, high)

    def in_full(self, model: str, perturbation: str, level: float, figure: str, signal: str = "") -> TableFigure:
        """The figure in full precision, with what it is of."""
        return TableFigure(model, perturbation, level, figure, self.value, self.low, self.high, signal)

    def __str__(self) -> str:
        """`0.120 [0.101, 0.140]`; the figure alone where there is no interval, – where there is no figure."""
        if math.isnan(self.value):
            return "–"
        return with_interval(number(self.value), self.low, self.high)
