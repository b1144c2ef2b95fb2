"""How often does the interval of a median minimal level hold the true median?

    python benchmarks/median_coverage.py [STUDIES]

Prints the share of simulated studies whose interval holds the true median (95 % is promised), for each number of groups
and each share of groups that are censored, because their search ends above 100 %. With more than half of the groups
censored, the true median is above 100 %, and an interval holds it if its upper end is. The table stands in
docs/definitions.md.
"""

import sys

import numpy as np
from scipy.stats import norm

from robustq.statistics.median_interval import median_interval

GROUPS = (6, 7, 8, 10, 15, 20, 28, 50, 100)
CENSORED = (0.0, 0.2, 0.45, 0.7)
SPREAD = 0.8
"""Standard deviation of the logarithm of the levels."""

RESOLUTION = 0.1


def found(quantiles: np.ndarray, censored: float) -> np.ndarray:
    """What searches find: a lognormal level for each quantile, rounded up to the resolution, infinite above 100 %.

    The levels are scaled so that this share of them is above 100 %; without censoring, so that their median is 20 %.
    """
    scale = 100 / np.exp(SPREAD * norm.isf(censored)) if censored else 20
    levels = scale * np.exp(SPREAD * norm.ppf(quantiles))
    steps = np.ceil(levels / RESOLUTION) * RESOLUTION
    return np.where((levels > 100) & (censored > 0), np.inf, steps)


def main() -> None:
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(f"{'groups':>8}" + "".join(f"{share:>11.0%}" for share in CENSORED))
    for groups in GROUPS:
        rates = []
        for censored in CENSORED:
            generator = np.random.default_rng(groups)
            levels = found(generator.random((studies, groups)), censored)
            median = found(np.array([0.5]), censored)[0]
            intervals = np.array([median_interval(study) for study in levels])
            rates.append(np.mean((intervals[:, 0] <= median) & (median <= intervals[:, 1])))
        print(f"{groups:>8}" + "".join(f"{rate:>11.1%}" for rate in rates), flush=True)


if __name__ == "__main__":
    main()
