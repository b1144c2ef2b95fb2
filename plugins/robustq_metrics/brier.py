"""The metric `brier`: the Brier score."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from robustq_metrics.calibration import AbstractCalibration


@dataclass(frozen=True)
class Brier(AbstractCalibration):
    """Brier score: the mean of (p - y)², where p is the label's probability and y is 1 where the label is true, else 0.

    The voxels near truth or prediction count; brier@whole counts the whole case.
    """

    def figure(self, probability: Float[np.ndarray, " n"], truth: Bool[np.ndarray, " n"]) -> float:
        """The score, 0 to 1."""
        return float(np.square(probability - truth).mean())
