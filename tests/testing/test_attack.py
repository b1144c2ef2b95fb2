"""The contract of an attack catches those that break it."""

from dataclasses import dataclass, replace

import pytest
import torch

from robustq.dataset import Case
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image
from robustq.testing import check_attack
from robustq_attacks.fgsm import FGSM
from robustq_attacks.l2 import L2


@dataclass(frozen=True)
class TooFar(FGSM):
    """Goes further than it says."""

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        return case.image + 1.5 * (super().apply(case, level, generator, model, clip) - case.image)


@dataclass(frozen=True)
class Shrinking(FGSM):
    """Does less at a large level, and stays within what it says."""

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        return super().apply(case, level if level < 50 else 0.5, generator, model, clip)


@dataclass(frozen=True)
class Forgetful(FGSM):
    """Knows no clip."""

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        return super().apply(case, level, generator, model, clip) / (0.0 if clip else 1.0)


@dataclass(frozen=True)
class Marking(FGSM):
    """Leaves gradients at the weights."""

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        model.run(case.image[None] if case.slice_axis is None else case.image[None, ..., 0]).logits.sum().backward()
        return super().apply(case, level, generator, model, clip)


@dataclass(frozen=True)
class Peeping(FGSM):
    """Looks at what is ignored."""

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        return super().apply(replace(case, ignored=None), level, generator, model, clip)


@pytest.mark.parametrize(
    ("attack", "sentence"),
    [
        (TooFar(), "times as large as its epsilon says"),
        (TooFar(L2()), "times as large as its rms says"),
        (Shrinking(), "does not grow with the level"),
        (Forgetful(), "not finite where the result will be clipped"),
        (Marking(), "a gradient of the weights has changed"),
        (Peeping(), "the mask at ignored voxels changes the result"),
    ],
)
def test_an_attack_that_breaks_its_promise_is_caught(attack: FGSM, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_attack(attack)
