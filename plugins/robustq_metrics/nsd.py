"""The normalised surface distance: the share of the boundaries that is near enough."""

import math
import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from robustq.errors import RequestError
from robustq.metric import AbstractMetric, Comparison, Unit


@dataclass(frozen=True)
class NSD(AbstractMetric):
    """The share of both boundaries within a tolerance of each other, such as nsd@2px or nsd@1mm.

    (|∂P within τ of ∂G| + |∂G within τ of ∂P|) / (|∂P| + |∂G|), counted in boundary voxels.

    Attributes:
        tolerance: τ, 0 or more; a distance equal to it is within.
        tolerance_unit: its unit, or None for that of whatever spacing it meets.

    Raises:
        RequestError: the tolerance is negative or not finite.
    """

    tolerance: float = 2.0
    tolerance_unit: Unit | None = None

    measures_distance: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise RequestError(f"{self.tolerance:g} is no tolerance: give a finite distance of 0 or more")

    @classmethod
    def parse(cls, setting: str) -> "NSD":
        """From `2mm` or `1.5px`. The unit has no default, for 2 mm and 2 px are different claims."""
        match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(mm|px)", setting, re.ASCII)
        if match is None:
            given = f"{setting!r} is no tolerance" if setting else "it needs a tolerance"
            raise RequestError(f"{given}: give a number and its unit, as in nsd@2mm, or nsd@2px for images without mm")
        return cls(float(match[1]), "mm" if match[2] == "mm" else "px")

    @property
    def setting(self) -> str:
        """Tolerance and unit, as in 2mm."""
        return f"{self.tolerance:.12g}{self.tolerance_unit or ''}"

    def unit(self, unit: Unit) -> str:
        """None: a share. Refuses a spacing in another unit than the tolerance's."""
        if self.tolerance_unit not in (None, unit):
            raise RequestError(
                f"nsd@{self.setting} needs a spacing in {self.tolerance_unit}, and this one is in {unit}: "
                f"ask for nsd@{self.tolerance:.12g}{unit}"
            )
        return ""

    def score(self, comparison: Comparison) -> float:
        """From 0 to 1. Where one mask is empty 0, or NaN if the policy drops it; NaN where both are."""
        self.unit(comparison.truth.unit)
        if not comparison.measurable:
            return math.nan if math.isnan(comparison.substitute) else 0.0
        # Distances of the same step may differ in the last bit; a point on the tolerance is within it all the same.
        reach = self.tolerance * (1 + 1e-12)
        directed = (comparison.to_truth, comparison.to_prediction)
        near = sum(int(np.count_nonzero(distances <= reach)) for distances in directed)
        return near / sum(distances.size for distances in directed)
