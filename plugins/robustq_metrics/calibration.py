"""What the metrics of probabilities share: the voxels that count, and the error of binned probabilities."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float, Int

from robustq.errors import RequestError
from robustq.metric import AbstractMetric, Comparison, Unit

BINS = 15
"""Number of bins of `ece` and `ace`."""

WHOLE = "whole"
"""The setting that lets every voxel of the case count."""


@dataclass(frozen=True)
class AbstractCalibration(AbstractMetric):
    """A figure of one label's probabilities p and its truth y (0 or 1), voxel by voxel.

    Each label is compared with everything that is not this label, so its bins are its own (class-wise).

    Attributes:
        whole: whether every voxel of the case counts; else only those within 5 voxels of truth or prediction
            (`Comparison.foreground`).
    """

    whole: bool = False

    measures_distance: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = False
    largest: ClassVar[float] = 1
    needs_probabilities: ClassVar[bool] = True

    @classmethod
    def parse(cls, setting: str) -> "AbstractCalibration":
        """Read the voxels that count: `whole` is the whole case; "" is the foreground with 5 voxels around it."""
        if setting not in ("", WHOLE):
            raise RequestError(
                f"{setting!r} names no voxels: leave out the @ and what follows for the foreground, or give @{WHOLE} "
                "for the whole case"
            )
        return cls(setting == WHOLE)

    @property
    def setting(self) -> str:
        """`whole`, or "" for the foreground."""
        return WHOLE if self.whole else ""

    def unit(self, unit: Unit) -> str:
        """No unit, because no distance is measured."""
        return ""

    def score(self, comparison: Comparison) -> float:
        """The figure; NaN if both masks are empty, or if every voxel that would count is ignored."""
        probability = comparison.probability
        assert probability is not None, "needs_probabilities is set"
        if comparison.volume == 0 and comparison.truth.empty:
            return math.nan
        counted = np.isfinite(probability)
        if not self.whole:
            counted &= comparison.foreground
        truth = comparison.truth.mask[counted]
        return self.figure(probability[counted].astype(np.float64), truth) if truth.size else math.nan

    @abstractmethod
    def figure(self, probability: Float[np.ndarray, " n"], truth: Bool[np.ndarray, " n"]) -> float:
        """The figure over the voxels that count; there is at least one."""


def binned_error(
    probability: Float[np.ndarray, " n"], truth: Bool[np.ndarray, " n"], bins: Int[np.ndarray, " n"]
) -> float:
    """Σ over bins of (share of the voxels in it) · |mean probability - share of true voxels|.

    Args:
        probability: probability of each voxel.
        truth: whether each voxel is true.
        bins: number of the bin of each voxel.
    """
    predicted = np.bincount(bins, probability, BINS)
    true = np.bincount(bins, truth, BINS)
    return float(np.abs(predicted - true).sum() / len(probability))
