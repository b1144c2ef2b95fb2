"""The metric `nll`: the negative log likelihood."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from robustq_metrics.calibration import AbstractCalibration

SMALLEST = 1e-7
"""Probabilities are clipped to this and to 1 minus this."""


@dataclass(frozen=True)
class NLL(AbstractCalibration):
    """Negative log likelihood: the mean of -ln of the probability that the model gives to what is true.

    The voxels near truth or prediction count; nll@whole counts the whole case. Probabilities are clipped at 1e-7.
    """

    largest: ClassVar[float] = math.inf

    def figure(self, probability: Float[np.ndarray, " n"], truth: Bool[np.ndarray, " n"]) -> float:
        """The mean in nats, 0 or more."""
        clipped = probability.clip(SMALLEST, 1 - SMALLEST)
        return float(-np.log(np.where(truth, clipped, 1 - clipped)).mean())
