"""Hausdorff's distance of two boundaries, and its percentiles."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from robustq.errors import RequestError
from robustq.metric import AbstractMetric, Comparison, Unit


@dataclass(frozen=True)
class Hausdorff(AbstractMetric):
    """The largest distance between the two boundaries; hausdorff@99 takes the 99th percentile.

    The larger of the two directed percentiles of boundary-to-boundary distances, linearly interpolated.

    Attributes:
        percentile: above 0, at most 100. 100 is Hausdorff's distance itself.

    Raises:
        RequestError: the percentile lies elsewhere.
    """

    percentile: float = 100.0

    measures_distance: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 < self.percentile <= 100:
            raise RequestError(f"{self.percentile:g} is no percentile: give a number above 0 and at most 100")

    @classmethod
    def parse(cls, setting: str) -> "Hausdorff":
        """`hausdorff` is the maximum, `hausdorff@99` the 99th percentile."""
        if not setting:
            return cls()
        try:
            return cls(float(setting))
        except ValueError as error:
            raise RequestError(
                f"{setting!r} is no percentile: give a number above 0 and at most 100, as in hausdorff@99"
            ) from error

    @property
    def setting(self) -> str:
        """The percentile, unless it is the maximum."""
        return "" if self.percentile == 100 else f"{self.percentile:.12g}"

    def unit(self, unit: Unit) -> str:
        """The spacing's."""
        return unit

    def score(self, comparison: Comparison) -> float:
        """A distance; by the policy for missing structures where one mask is empty, NaN where both are."""
        return directed_percentile(comparison, self.percentile)


@dataclass(frozen=True)
class HD95(AbstractMetric):
    """The 95th percentile of the distances between the two boundaries.

    Hausdorff's distance at the 95th percentile, as MONAI's `percentile=95`.

    DeepMind's surface-distance weights the boundary by its area and differs.
    """

    measures_distance: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = False

    def unit(self, unit: Unit) -> str:
        """The spacing's."""
        return unit

    def score(self, comparison: Comparison) -> float:
        """A distance; by the policy for missing structures where one mask is empty, NaN where both are."""
        return directed_percentile(comparison, 95.0)


def directed_percentile(comparison: Comparison, percentile: float) -> float:
    """The larger of the two directed percentiles, or what stands for it where a mask is empty."""
    if not comparison.measurable:
        return comparison.substitute
    directed = (comparison.to_truth, comparison.to_prediction)
    return max(float(np.percentile(distances, percentile)) for distances in directed)
