"""How often does a gate on a mean pass falsely? Studies are simulated in which the true mean is exactly the bound.

    python benchmarks/gate_errors.py [STUDIES]

Prints the share of studies that pass although they should not (5 % is promised), for each number of groups and each
distribution of the groups' Dice. The table stands in docs/definitions.md, and robustq_gate prints its lines.
"""

import sys

import numpy as np

from robustq.statistics.acceptance import ALPHA, mean_reaching

GROUPS = (6, 10, 20, 30, 50, 100)
LEAST = 0.8


def normal(generator: np.random.Generator, groups: int) -> np.ndarray:
    """Dice that varies symmetrically about its mean."""
    return generator.normal(LEAST, 0.05, groups)


def skewed(generator: np.random.Generator, groups: int) -> np.ndarray:
    """Dice with a long tail downwards: 1 minus a lognormal loss whose mean is 0.2."""
    loss = generator.lognormal(0, 0.8, groups) / np.exp(0.32)
    return 1 - 0.2 * loss


def one_in_ten_fails(generator: np.random.Generator, groups: int) -> np.ndarray:
    """Nine patients of ten near 0.86, and one of ten near 0.26."""
    fails = generator.random(groups) < 0.1
    return np.where(fails, 0.26, 0.86) + generator.normal(0, 0.02, groups)


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{'groups':>8}" + "".join(f"{rule.__name__:>20}" for rule in (normal, skewed, one_in_ten_fails)))
    for groups in GROUPS:
        rates = []
        for rule in (normal, skewed, one_in_ten_fails):
            generator = np.random.default_rng(groups)
            passed = [
                mean_reaching(
                    rule(generator, groups)[:, None], lambda means: means[:, 0], LEAST, resamples=2000, seed=study
                ).p_pass
                <= ALPHA
                for study in range(studies)
            ]
            rates.append(np.mean(passed))
        print(f"{groups:>8}" + "".join(f"{rate:>19.1%} " for rate in rates), flush=True)


if __name__ == "__main__":
    main()
