"""The metric `ece`: the expected calibration error."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from robustq_metrics.calibration import BINS, AbstractCalibration, binned_error


@dataclass(frozen=True)
class ECE(AbstractCalibration):
    """Expected calibration error: how far probabilities are from the share of voxels that are true, in 15 equal bins.

    The voxels near truth or prediction count; ece@whole counts the whole case. A probability on the edge of two bins
    belongs to the lower one (Guo et al. 2017).
    """

    def figure(self, probability: Float[np.ndarray, " n"], truth: Bool[np.ndarray, " n"]) -> float:
        """The error, 0 to 1."""
        edges = np.arange(1, BINS) / BINS
        return binned_error(probability, truth, np.searchsorted(edges, probability, side="left"))
