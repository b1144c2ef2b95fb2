"""The certificate of a smoothed model at a radius (docs/definitions.md, Certified).

Source: Fischer, Baader and Vechev, Scalable certified segmentation via randomized smoothing, ICML 2021, algorithm 2.
The radius of one voxel is that of Cohen, Rosenfeld and Kolter, ICML 2019, theorem 1.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from scipy.special import ndtr, ndtri
from scipy.stats import binom
from torch import Tensor

from robustq.dataset import Case
from robustq.shapes import Masks
from robustq.statistics.paired_tests import holm
from robustq_guarantees.smoothed import Smoothed

CHOOSING, TESTING = 20, 200
"""Number of noisy copies that choose the class of each voxel, and number of others that test it."""

ALPHA = 0.001
"""Probability that any voxel of a case is certified wrongly."""


@dataclass(frozen=True)
class Certificate:
    """What is certified of the smoothed model's answer to one case.

    Attributes:
        masks: mask of each label as the smoothed model answers it, by all copies.
        certified: voxels that are certified to have each label.
        abstained: voxels that each label is neither certified to have nor not to have.
    """

    masks: Masks
    certified: Masks
    abstained: Masks


def certify(smoothed: Smoothed, case: Case, radius: float, batch_size: int) -> Certificate:
    """Certify the answer to a case within a radius.

    Args:
        smoothed: the smoothed model.
        case: a prepared case.
        radius: L2 norm of the change of the image, in shares of the intensity range.
        batch_size: number of images, slices or windows in a pass.
    """
    choosing = smoothed.counts(case, range(CHOOSING), batch_size)
    testing = smoothed.counts(case, range(CHOOSING, CHOOSING + TESTING), batch_size)
    chosen = choosing.argmax(0)
    agreeing = testing.gather(0, chosen[None])[0]
    share = float(ndtr(radius / smoothed.sigma))
    counted = torch.ones_like(chosen[0], dtype=torch.bool) if case.ignored is None else ~case.ignored
    certain = certain_voxels(agreeing, share, counted.expand_as(chosen))
    return Certificate(
        masks=smoothed.masks((choosing + testing).argmax(0)),
        certified=smoothed.masks(chosen) & certain,
        abstained=(~certain).expand_as(smoothed.masks(chosen)),
    )


def largest_radius(sigma: float) -> float:
    """The radius beyond which not even one voxel, on which all copies agree, could be certified."""
    return float(sigma * ndtri(ALPHA ** (1 / TESTING)))


def certain_voxels(agreeing: Int[Tensor, "q *s"], share: float, counted: Bool[Tensor, "q *s"]) -> Bool[Tensor, "q *s"]:
    """The voxels where the chosen class has a probability above `share`, by binomial tests with Holm's correction.

    Args:
        agreeing: how many of `TESTING` copies are answered with the chosen class.
        share: the probability.
        counted: voxels that are tested; the others are never certain.
    """
    p = binom.sf(np.arange(TESTING + 1) - 1, TESTING, share)
    certain = torch.zeros_like(counted)
    certain[counted] = torch.from_numpy(holm(p[agreeing[counted].numpy()]) <= ALPHA)
    return certain


def certified_dice(certificate: Certificate, case: Case) -> float:
    """The smallest mean Dice that any answer has that agrees with the certificate; NaN where the truth has no label.

    For each label that the truth shows 2|C∩G| / (|C| + |A\\G| + |G|), with C the voxels certified to have it, A the
    abstained ones, and G the truth: the abstained voxels are all answered wrongly.
    """
    counted = torch.ones_like(case.truth[0]) if case.ignored is None else ~case.ignored
    scores = []
    for certain, open_, truth in zip(certificate.certified, certificate.abstained, case.truth, strict=True):
        if truth.any():
            answered = int((certain & counted).sum()) + int((open_ & counted & ~truth).sum())
            scores.append(2 * int((certain & truth).sum()) / (answered + int(truth.sum())))
    return float(np.mean(scores)) if scores else math.nan
