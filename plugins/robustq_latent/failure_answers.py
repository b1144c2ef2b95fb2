"""The answers that the analyser `failure` measured, read back from the rows of an analysis."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float

from robustq.statistics.bootstrap import CONFIDENCE
from robustq.statistics.risk_coverage import Statistic, aurc, group_interval, group_resamples, once, resampled
from robustq_latent.failure_signals import SIGNALS, confidence

_ANSWER = ["dataset", "domain", "group", "case", "draw"]


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval; NaN where there is none."""

    value: float
    low: float
    high: float


class FailureAnswers:
    """The answers of one model under one perturbation at one level: their Dice, and every signal that all of them have.

    Args:
        rows: the rows of the signals and of `answer_dice`.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        # Two checks of one analysis cannot measure the same answers, but rows of a resumed run may stand twice.
        rows = rows.drop_duplicates([*_ANSWER, "metric"])
        table = rows.pivot(index=_ANSWER, columns="metric", values="value").astype(float).reset_index()
        table = table[table["answer_dice"].notna()].sort_values(_ANSWER)
        self.dice: Float[np.ndarray, " n"] = table["answer_dice"].to_numpy()
        self.signals = [name for name in SIGNALS if name in table and table[name].notna().all()]
        self._confidence = {name: confidence(name, table[name].to_numpy()) for name in self.signals}
        self._group_of = (table["dataset"].astype(str) + "\0" + table["group"].astype(str)).to_numpy(str)

    @cached_property
    def groups(self) -> int:
        """Number of groups (patients)."""
        return len(set(self._group_of))

    @property
    def random_aurc(self) -> float:
        """The AURC of a signal that says nothing, whose answers stand in random order."""
        return float(aurc(np.zeros_like(self.dice), self.dice, once(len(self.dice)))[0])

    @cached_property
    def _times(self) -> np.ndarray:
        return group_resamples(self._group_of)

    def confidence(self, signal: str) -> Float[np.ndarray, " n"]:
        """Confidence of the signal in each answer; a larger value means more."""
        return self._confidence[signal]

    def estimate(self, statistic: Statistic, signal: str, minus: str = "") -> Estimate:
        """A statistic of a signal with its interval, or its difference from that of another signal, paired.

        Args:
            statistic: one of `robustq.statistics.risk_coverage`.
            signal: name of the signal.
            minus: name of the other signal.
        """

        def of(times: np.ndarray) -> np.ndarray:
            estimates = resampled(statistic, self.confidence(signal), self.dice, times)
            return estimates - resampled(statistic, self.confidence(minus), self.dice, times) if minus else estimates

        low, high = group_interval(of(self._times), self.groups, CONFIDENCE)
        return Estimate(float(of(once(len(self.dice)))[0]), low, high)
