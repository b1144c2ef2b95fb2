"""Computes the mean Dice of a model's answer to one case."""

import math

import numpy as np

from robustq import registry
from robustq.dataset import Case
from robustq.scoring.comparison import Comparison
from robustq.scoring.truth import Truth
from robustq.shapes import Masks


def mean_dice(masks: Masks, case: Case) -> float:
    """Mean Dice over the labels that the truth shows; NaN where it shows no label.

    Args:
        masks: a model's answer to the case, (L, *S), on the CPU.
        case: a prepared case.
    """
    dice = registry.load("metrics", "dice")()
    counted = masks if case.ignored is None else masks & ~case.ignored
    scores = [
        dice.score(Comparison(answer.numpy(), Truth(truth.numpy())))
        for answer, truth in zip(counted, case.truth, strict=True)
        if truth.any()
    ]
    return float(np.mean(scores)) if scores else math.nan
