"""The metric `ace`: the adaptive calibration error."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from robustq_metrics.calibration import BINS, AbstractCalibration, binned_error


@dataclass(frozen=True)
class ACE(AbstractCalibration):
    """Adaptive calibration error: as ece, in 15 bins that hold equally many voxels each.

    The voxels near truth or prediction count; ace@whole counts the whole case. The upper edge of bin b is the smallest
    probability that b/15 of the voxels do not exceed; voxels of equal probability are in one bin.
    """

    def figure(self, probability: Float[np.ndarray, " n"], truth: Bool[np.ndarray, " n"]) -> float:
        """The error, 0 to 1."""
        last = -(-np.arange(1, BINS) * len(probability) // BINS) - 1  # place of the last voxel of each bin but the last
        edges = np.partition(probability, last)[last]
        return binned_error(probability, truth, np.searchsorted(edges, probability, side="left"))
