"""What an attack increases at each voxel, made from the cross-entropies of the voxels."""

from collections.abc import Callable
from math import log

from jaxtyping import Bool, Float
from torch import Tensor

Wrong = Callable[[], Bool[Tensor, "b o *s"]]
"""A function that finds which voxels are wrong; a loss that does not need them does not call it."""

Loss = Callable[[Float[Tensor, "b o *s"], Wrong], Float[Tensor, "b o *s"]]
"""A function from the cross-entropies of the voxels, and from which of them are wrong, to the loss of each voxel."""


def cross_entropy(entropies: Float[Tensor, "b o *s"], wrong: Wrong) -> Float[Tensor, "b o *s"]:
    """The cross-entropies themselves."""
    return entropies


def masked_cross_entropy(entropies: Float[Tensor, "b o *s"], wrong: Wrong) -> Float[Tensor, "b o *s"]:
    """The cross-entropy of the voxels that are still right; a wrong voxel counts no more."""
    return entropies * ~wrong()


def jensen_shannon(entropies: Float[Tensor, "b o *s"], wrong: Wrong) -> Float[Tensor, "b o *s"]:
    """The Jensen-Shannon divergence of the predicted distribution from the true class, at most log 2.

    It depends on the probability p = exp(-cross-entropy) of the true class alone:
    log 2 + (p log p - (1 + p) log(1 + p)) / 2. A voxel that is far on either side gives nearly no gradient.
    """
    likelihood = (-entropies).exp()
    return log(2) - (entropies * likelihood + (1 + likelihood) * likelihood.log1p()) / 2


LOSSES: dict[str, Loss] = {"ce": cross_entropy, "masked": masked_cross_entropy, "js": jensen_shannon}
"""Losses by the name that stands after the @ of an attack."""
