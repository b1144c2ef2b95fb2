"""The metric `dice`: Dice's overlap of two masks."""

import math
from dataclasses import dataclass
from typing import ClassVar

from robustq.metric import AbstractMetric, Comparison, Unit


@dataclass(frozen=True)
class Dice(AbstractMetric):
    """Overlap of prediction and truth: 1 for equal masks, 0 without overlap.

    Dice is 2|P∩G| / (|P| + |G|), where P is the prediction and G the truth.
    """

    measures_distance: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = True
    largest: ClassVar[float] = 1

    def unit(self, unit: Unit) -> str:
        """No unit, because Dice is a share."""
        return ""

    def score(self, comparison: Comparison) -> float:
        """Dice, 0 to 1; NaN if both masks are empty."""
        voxels = comparison.volume + comparison.truth.volume
        return 2 * comparison.overlap / voxels if voxels else math.nan
