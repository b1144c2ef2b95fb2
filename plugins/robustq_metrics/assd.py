"""The metric `assd`: the average symmetric surface distance."""

from dataclasses import dataclass
from typing import ClassVar

from robustq.metric import AbstractMetric, Comparison, Unit


@dataclass(frozen=True)
class ASSD(AbstractMetric):
    """The mean distance between the two boundaries (average symmetric surface distance).

    The distances in both directions are pooled, and their mean is taken, as in MONAI's symmetric average surface
    distance. It is not the mean of the two directed means.
    """

    measures_distance: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = False

    def unit(self, unit: Unit) -> str:
        """The unit of the spacing."""
        return unit

    def score(self, comparison: Comparison) -> float:
        """The distance; NaN if both masks are empty, and by the policy for missing structures if one is."""
        if not comparison.measurable:
            return comparison.substitute
        forth, back = comparison.to_truth, comparison.to_prediction
        return float(forth.sum() + back.sum()) / (forth.size + back.size)
