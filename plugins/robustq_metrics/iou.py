"""Jaccard's overlap of two masks."""

import math
from dataclasses import dataclass
from typing import ClassVar

from robustq.metric import AbstractMetric, Comparison, Unit


@dataclass(frozen=True)
class IoU(AbstractMetric):
    """Overlap of prediction and truth as intersection over union: 1 for equal masks, 0 without overlap.

    |P∩G| / |P∪G|.
    """

    measures_distance: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = True

    def unit(self, unit: Unit) -> str:
        """None: a share."""
        return ""

    def score(self, comparison: Comparison) -> float:
        """From 0 to 1; NaN on two empty masks."""
        union = comparison.volume + comparison.truth.volume - comparison.overlap
        return comparison.overlap / union if union else math.nan
