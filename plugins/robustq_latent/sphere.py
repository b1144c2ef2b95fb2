"""Random points on a sphere, for comparison with the spread of a codebook."""

from functools import cache

import torch

from robustq.geometry import uniformity

SAMPLES, RANK = 119, 3
"""The next draw lies between the third smallest and the third largest of 119 draws with probability 1 - 6/120."""


@cache
def sphere_interval(count: int, dimension: int) -> tuple[float, float]:
    """The interval that holds the uniformity of `count` random points on the unit sphere in 95 % of draws.

    It is found by Monte Carlo with a fixed seed. Both ends are NaN for fewer than two points.
    """
    if count < 2:
        return float("nan"), float("nan")
    generator = torch.Generator().manual_seed(0)
    draws = sorted(
        uniformity(torch.randn(count, dimension, generator=generator, dtype=torch.float64)) for _ in range(SAMPLES)
    )
    return draws[RANK - 1], draws[-RANK]
