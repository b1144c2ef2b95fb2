"""The metric `iou`: intersection over union, which is Jaccard's overlap of two masks."""

import math
from dataclasses import dataclass
from typing import ClassVar

from robustq.metric import AbstractMetric, Comparison, Unit


@dataclass(frozen=True)
class IoU(AbstractMetric):
    """Overlap of prediction and truth as intersection over union: 1 for equal masks, 0 without overlap.

    It is |P∩G| / |P∪G|, where P is the prediction and G the truth.
    """

    measures_distance: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = True
    largest: ClassVar[float] = 1

    def unit(self, unit: Unit) -> str:
        """No unit, because the overlap is a share."""
        return ""

    def score(self, comparison: Comparison) -> float:
        """The overlap, 0 to 1; NaN if both masks are empty."""
        union = comparison.volume + comparison.truth.volume - comparison.overlap
        return comparison.overlap / union if union else math.nan
