"""The average symmetric surface distance."""

from dataclasses import dataclass
from typing import ClassVar

from robustq.metric import AbstractMetric, Comparison, Unit


@dataclass(frozen=True)
class ASSD(AbstractMetric):
    """The mean distance between the two boundaries (average symmetric surface distance).

    The mean boundary-to-boundary distance over both directed sets pooled.

    As MONAI's symmetric average surface distance; not the mean of the two directed means.
    """

    measures_distance: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = False

    def unit(self, unit: Unit) -> str:
        """The spacing's."""
        return unit

    def score(self, comparison: Comparison) -> float:
        """A distance; by the policy for missing structures where one mask is empty, NaN where both are."""
        if not comparison.measurable:
            return comparison.substitute
        forth, back = comparison.to_truth, comparison.to_prediction
        return float(forth.sum() + back.sum()) / (forth.size + back.size)
