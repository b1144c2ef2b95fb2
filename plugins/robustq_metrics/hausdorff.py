"""The metrics `hausdorff` and `hd95`: Hausdorff's distance of two boundaries, and its percentiles."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from robustq.errors import RequestError
from robustq.metric import AbstractMetric, Comparison, Unit


@dataclass(frozen=True)
class Hausdorff(AbstractMetric):
    """The largest distance between the two boundaries; hausdorff@99 takes the 99th percentile.

    The percentile of the boundary-to-boundary distances is taken in each direction, with linear interpolation. The
    larger of the two counts.

    Attributes:
        percentile: percentile, from 1 to 100; 100 is Hausdorff's distance itself.

    Raises:
        RequestError: the percentile is outside these bounds.
    """

    percentile: float = 100.0

    measures_distance: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 1 <= self.percentile <= 100:
            raise RequestError(f"{self.percentile:g} is not a percentile: give a number from 1 to 100")

    @classmethod
    def parse(cls, setting: str) -> "Hausdorff":
        """Read the percentile: `hausdorff` is the maximum, `hausdorff@99` the 99th percentile."""
        if not setting:
            return cls()
        try:
            return cls(float(setting))
        except ValueError as error:
            raise RequestError(
                f"{setting!r} is not a percentile: give a number from 1 to 100, as in hausdorff@99"
            ) from error

    @property
    def setting(self) -> str:
        """The percentile, unless it is the maximum."""
        return "" if self.percentile == 100 else f"{self.percentile:.12g}"

    def unit(self, unit: Unit) -> str:
        """The unit of the spacing."""
        return unit

    def score(self, comparison: Comparison) -> float:
        """The distance; NaN if both masks are empty, and by the policy for missing structures if one is."""
        return directed_percentile(comparison, self.percentile)


@dataclass(frozen=True)
class HD95(AbstractMetric):
    """The 95th percentile of the distances between the two boundaries.

    It is the same as MONAI's `percentile=95`. DeepMind's surface-distance differs, because it weights the boundary by
    its area.
    """

    measures_distance: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = False

    def unit(self, unit: Unit) -> str:
        """The unit of the spacing."""
        return unit

    def score(self, comparison: Comparison) -> float:
        """The distance; NaN if both masks are empty, and by the policy for missing structures if one is."""
        return directed_percentile(comparison, 95.0)


def directed_percentile(comparison: Comparison, percentile: float) -> float:
    """The larger of the two directed percentiles; the comparison's substitute if a mask is empty."""
    if not comparison.measurable:
        return comparison.substitute
    directed = (comparison.to_truth, comparison.to_prediction)
    return max(float(np.percentile(distances, percentile)) for distances in directed)
