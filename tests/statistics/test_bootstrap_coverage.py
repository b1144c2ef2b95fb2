"""How often the interval holds the true mean: long simulations, whose numbers stand in the docstring."""

from collections.abc import Callable

import numpy as np
import pytest

from robustq.statistics import paired_difference

SETS = 2_000


def coverage(n: int, draw: Callable[[np.random.Generator, int], np.ndarray], mean: float) -> float:
    """Share of the 95 % intervals of simulated sets of n differences that hold the true mean."""
    generator = np.random.default_rng(n)
    held = 0
    for number in range(SETS):
        interval = paired_difference(draw(generator, n), np.zeros(n), seed=number)
        held += interval.low <= mean <= interval.high
    return held / SETS


@pytest.mark.long
@pytest.mark.parametrize(("n", "least"), [(6, 0.91), (10, 0.93), (28, 0.93), (100, 0.93)])
def test_the_interval_of_normal_differences_holds_the_mean_as_often_as_it_says(n, least):
    held = coverage(n, lambda generator, size: generator.normal(0.3, 2.0, size), 0.3)
    print(f"normal, n = {n}: {100 * held:.1f} %")

    assert least <= held <= 0.97


@pytest.mark.long
@pytest.mark.parametrize(("n", "least"), [(6, 0.75), (10, 0.8), (28, 0.85), (100, 0.9)])
def test_the_interval_of_skewed_differences_holds_the_mean_less_often(n, least):
    held = coverage(n, lambda generator, size: generator.lognormal(0.0, 1.0, size), float(np.exp(0.5)))
    print(f"lognormal, n = {n}: {100 * held:.1f} %")

    assert least <= held <= 0.95
