"""The exact sign test of paired values (docs/definitions.md, Minimal levels)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest


class SignTest(NamedTuple):
    """The outcome of a sign test.

    Attributes:
        first: number of pairs in which the first value is the larger one.
        second: number of pairs in which the second value is.
        ties: number of pairs with equal values; they say nothing and take no part.
        p: two-sided; 1 if all pairs are ties.
    """

    first: int
    second: int
    ties: int
    p: float


def sign_test(first: Float[np.ndarray, " n"], second: Float[np.ndarray, " n"]) -> SignTest:
    """Whether one of two values of a group is larger more often than chance makes it; infinity equals infinity."""
    larger, smaller = int((first > second).sum()), int((first < second).sum())
    p = float(binomtest(larger, larger + smaller).pvalue) if larger + smaller else 1.0
    return SignTest(larger, smaller, len(first) - larger - smaller, p)
