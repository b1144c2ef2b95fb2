"""PGD that looks for the way round a codebook."""

from dataclasses import dataclass

import torch

from robustq.attack import AbstractAttack
from robustq.dataset import Case
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image, IntensityRange
from robustq_attacks.ascent import Ascent
from robustq_attacks.soft import softened


@dataclass(frozen=True)
class BPDA(AbstractAttack):
    """PGD with the gradient of a soft choice among the codes, for models with a codebook.

    The gradient passes each codebook by a soft assignment instead of straight through; the image it makes is shown to
    the model as it is.

    Backward pass differentiable approximation (Athalye et al., ICML 2018, section 4.1): where a layer gives no useful
    gradient, another function that resembles it stands in for it on the way back. Straight through, every token may
    seem to go anywhere; by the assignment, it goes where codes are. Without a codebook of vectors, and with several
    stages, this is PGD.

    Attributes:
        ascent: norm and steps; `bpda@40` takes 40 steps, `bpda@l2-40` as many in L2.
    """

    ascent: Ascent = Ascent()  # noqa: RUF009 - frozen

    @classmethod
    def parse(cls, setting: str) -> "BPDA":
        """`l2`, `40`, `l2-40`, or nothing."""
        return cls(Ascent.parse(setting))

    @property
    def setting(self) -> str:
        """`l2`, `40`, `l2-40`, or nothing."""
        return self.ascent.setting

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        """The image after the last step."""
        with softened(model):
            return self.ascent(case, level, generator, model, clip=clip)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Of the ball; `steps`, and `step` in radii."""
        return self.ascent.parameters(level, intensity_range)
