"""One slice of a case at each level, with the truth and each model's answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

Stack = UInt8[np.ndarray, "v y x"]
"""A slice at each of v levels."""


@dataclass(frozen=True)
class LevelPictures:
    """What each model was shown of a slice in draw 0, and what it answered.

    Attributes:
        case: name of the case.
        perturbation: name of the perturbation.
        levels: percent.
        images: for each model, grey values.
        truths: for each model, the true labels: 0 for none, else the place of the label, from 1.
        answers: for each model, its labels.
        scores: for each model and level, its score as printed; that of the whole case, not of the slice.
    """

    case: str
    perturbation: str
    levels: Sequence[float]
    images: Mapping[str, Stack]
    truths: Mapping[str, Stack]
    answers: Mapping[str, Stack]
    scores: Mapping[str, Sequence[str]]
