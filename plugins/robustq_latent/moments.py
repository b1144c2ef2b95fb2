"""Running mean and variance of many arrays."""

import torch
from jaxtyping import Float
from torch import Tensor


class Moments:
    """Running mean, variance and extremes of many arrays; memory does not depend on their number.

    Source: Chan, Golub and LeVeque, Algorithms for computing the sample variance, 1983, equation 2.1.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros(())
        self._squares = torch.zeros(())
        self.low, self.high = float("inf"), float("-inf")

    def add(self, values: Float[Tensor, "n *shape"]) -> None:
        """Add N more arrays. Sums are in float64."""
        wide = values.double()
        count = len(wide)
        mean = wide.mean(0)
        squares = (wide - mean).square().sum(0)
        if self.count:
            total = self.count + count
            apart = mean - self._mean
            squares = squares + self._squares + apart.square() * (self.count * count / total)
            mean = self._mean + apart * (count / total)
        self.count += count
        self._mean, self._squares = mean, squares
        self.low, self.high = min(self.low, float(wide.min())), max(self.high, float(wide.max()))

    @property
    def mean(self) -> Float[Tensor, "*shape"]:
        """Mean of each element."""
        return self._mean

    @property
    def variance(self) -> Float[Tensor, "*shape"]:
        """Variance of each element, divisor N (docs/definitions.md, Latent variance)."""
        return self._squares / self.count
