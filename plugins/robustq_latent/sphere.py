"""Random points on a sphere, with which the spread of a codebook is compared."""

from functools import cache

import torch

from robustq.geometry import uniformity

SAMPLES, RANK = 119, 3
"""Between the third smallest and the third largest of 119 draws the next one lies with probability 1 - 6/120 = 95 %."""


@cache
def sphere_interval(count: int, dimension: int) -> tuple[float, float]:
    """Where the uniformity of so many random points on the unit sphere lies in 95 % of draws (Monte Carlo, seeded).

    NaN for fewer than two points.
    """
    if count < 2:
        return float("nan"), float("nan")
    generator = torch.Generator().manual_seed(0)
    found = sorted(
        uniformity(torch.randn(count, dimension, generator=generator, dtype=torch.float64)) for _ in range(SAMPLES)
    )
    return found[RANK - 1], found[-RANK]
