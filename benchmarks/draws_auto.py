"""Is a mean over the draws that `--draws auto` takes as good as one over 100 draws? Studies are simulated.

    python benchmarks/draws_auto.py [STUDIES]

A study has one case in each group. Cases differ with the variance tau^2, and the draws of a case with sigma^2; the
draws are normal, skewed (a long tail downwards) or bimodal (one draw in ten fails). The same draws serve both rules:
auto takes the first n, and n is what its rule finds in the first 4. For each number of groups, distribution and
sigma^2/tau^2 the table has the coverage of the 95 % interval with 100 draws and with auto, the bias of auto's mean
against that over 100 draws in standard errors between groups (tau/sqrt(groups)), and the mean number of draws. It
stands in docs/definitions.md. The targets: coverage at most 0.5 points lower, bias at most 0.05.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import sys
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from robustq.request.draws import FIRST, MOST
from robustq.statistics.bootstrap import bootstrap_intervals
from robustq.statistics.needed_draws import draw_and_group_variance, enough_draws

GROUPS = (6, 28, 100)
RATIOS = (0.05, 0.2, 0.6)
MEAN = 0.8
TAU = 0.05
STUDIES_AT_A_TIME = 250

Draws = Float[np.ndarray, "studies groups draws"]


def normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Draws:
    """Deviations of draws, with mean 0 and variance 1."""
    return generator.standard_normal(shape)


def skewed(generator: np.random.Generator, shape: tuple[int, ...]) -> Draws:
    """The same, with a long tail downwards: minus a lognormal loss."""
    loss = generator.lognormal(0, 0.8, shape)
    return (np.exp(0.32) - loss) / np.sqrt((np.exp(0.64) - 1) * np.exp(0.64))


def bimodal(generator: np.random.Generator, shape: tuple[int, ...]) -> Draws:
    """The same, where one draw in ten fails: two narrow peaks, one far below the other."""
    fails = generator.random(shape) < 0.1
    peaks = np.where(fails, -0.9, 0.1) + generator.normal(0, 0.05, shape)
    return peaks / np.sqrt(0.09 + 0.05**2)


def covered(means: Float[np.ndarray, "studies groups"]) -> Float[np.ndarray, " studies"]:
    """1 for each study whose 95 % interval holds the true mean, else 0."""
    low, high = bootstrap_intervals(means.T)
    return ((low <= MEAN) & (high >= MEAN)).astype(float)


def simulate(rule: Callable[..., Draws], groups: int, ratio: float, studies: int) -> tuple[float, float, float, float]:
    """Coverage with 100 draws and with auto, bias of auto, and its mean number of draws."""
    generator = np.random.default_rng(groups)
    fixed, auto, numbers = [], [], []
    for start in range(0, studies, STUDIES_AT_A_TIME):
        shape = (min(STUDIES_AT_A_TIME, studies - start), groups)
        cases = generator.normal(MEAN, TAU, shape)
        draws = cases[..., None] + np.sqrt(ratio) * TAU * rule(generator, (*shape, MOST))
        number = enough_draws(*draw_and_group_variance(draws[..., :FIRST], np.arange(groups)), MOST)
        totals = draws.cumsum(axis=-1)
        fixed.append(totals[..., -1] / MOST)
        auto.append(np.take_along_axis(totals, number[:, None, None] - 1, axis=-1)[..., 0] / number[:, None])
        numbers.append(number)
    means_fixed, means_auto = np.concatenate(fixed), np.concatenate(auto)
    bias = (means_auto - means_fixed).mean() / (TAU / np.sqrt(groups))
    return covered(means_fixed).mean(), covered(means_auto).mean(), float(bias), float(np.concatenate(numbers).mean())


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"| groups | draws | σ²/τ² | coverage, {MOST} draws | coverage, auto | difference | bias | mean number |")
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    for groups in GROUPS:
        for rule in (normal, skewed, bimodal):
            for ratio in RATIOS:
                fixed, auto, bias, number = simulate(rule, groups, ratio, studies)
                print(
                    f"| {groups} | {rule.__name__} | {ratio} | {fixed:.1%} | {auto:.1%} | {100 * (auto - fixed):+.1f} "
                    f"| {bias:+.3f} | {number:.1f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
