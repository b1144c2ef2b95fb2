"""The metric `nsd`: the normalised surface distance, the share of both boundaries within a tolerance."""

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

    It is (|∂P within τ of ∂G| + |∂G within τ of ∂P|) / (|∂P| + |∂G|), counted in boundary voxels, where P is the
    prediction and G the truth.

    Attributes:
        tolerance: tolerance τ, 0 or more; a distance equal to τ is within it.
        tolerance_unit: unit of τ; None takes the unit of the spacing.

    Raises:
        RequestError: the tolerance is negative or not finite.
    """

    tolerance: float = 2.0
    tolerance_unit: Unit | None = None

    measures_distance: ClassVar[bool] = True
    higher_is_better: ClassVar[bool] = True
    largest: ClassVar[float] = 1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise RequestError(f"{self.tolerance:g} is not a tolerance: give a finite distance of 0 or more")

    @classmethod
    def parse(cls, setting: str) -> "NSD":
        """Read `2mm` or `1.5px`. The unit has no default, because 2 mm and 2 px are different claims."""
        match = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(mm|px)", setting, re.ASCII)
        if match is None:
            given = f"{setting!r} is not a tolerance" if setting else "nsd needs a tolerance"
            raise RequestError(f"{given}: give a number and its unit, as in nsd@2mm, or nsd@2px for images without mm")
        return cls(float(match[1]), "mm" if match[2] == "mm" else "px")

    @property
    def setting(self) -> str:
        """The tolerance and its unit, as in 2mm."""
        return f"{self.tolerance:.12g}{self.tolerance_unit or ''}"

    def unit(self, unit: Unit) -> str:
        """No unit, because NSD is a share. Refuse a spacing whose unit is not that of the tolerance."""
        if self.tolerance_unit not in (None, unit):
            raise RequestError(
                f"nsd@{self.setting} needs a spacing in {self.tolerance_unit}, but this one is in {unit}: "
                f"give nsd@{self.tolerance:.12g}{unit}"
            )
        return ""

    def score(self, comparison: Comparison) -> float:
        """NSD, 0 to 1. If one mask is empty: 0, or NaN if the policy drops it. If both are empty: NaN."""
        self.unit(comparison.truth.unit)
        if not comparison.measurable:
            return math.nan if math.isnan(comparison.substitute) else 0.0
        # Equal distances may differ in the last bit; a point exactly at the tolerance must count as within it.
        reach = self.tolerance * (1 + 1e-12)
        directed = (comparison.to_truth, comparison.to_prediction)
        near = sum(int(np.count_nonzero(distances <= reach)) for distances in directed)
        return near / sum(distances.size for distances in directed)
