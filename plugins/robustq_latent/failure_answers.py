"""The answers that the analyser `failure` measured, read back from the rows of an analysis."""

from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Float

from robustq.statistics.risk_coverage import Statistic, aurc, group_resamples, once, resampled
from robustq_latent.answer_table import UNIT, answer_table
from robustq_latent.estimate import Estimate
from robustq_latent.failure_signals import SIGNALS, confidence


class FailureAnswers:
    """The answers of one model under one perturbation at one level: their Dice, and every signal that all of them have.

    Args:
        rows: the rows of the signals and of `answer_dice`.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        table = answer_table(rows, "answer_dice")
        self.dice: Float[np.ndarray, " n"] = table["answer_dice"].to_numpy()
        self.signals = [name for name in SIGNALS if name in table and table[name].notna().all()]
        self._confidence = {name: confidence(name, table[name].to_numpy()) for name in self.signals}
        self._group_of = table[UNIT].to_numpy(str)

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

        return Estimate.of(of, self._times, self.groups)
