"""The contract of an attack: a perturbation that sees the model."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.network.run_network import evaluation_mode
from robustq.perturbation import check_level
from robustq.shapes import Image, IntensityRange


class AbstractAttack(ABC):
    """Maps a prepared case to an attacked case under a level, a generator and the model that is attacked.

    What must hold for every implementation, and is checked by `robustq.testing`:

    - Level 0 returns the case itself, and a larger level allows all that a smaller one does.
    - The result depends on nothing but the case, the level, the generator's state and the model. Nothing is taken from
      a global generator, and an attack that is not `random` takes nothing from the generator either.
    - The model is left as it was: its weights and their gradients, its buffers, and whether it trains.
    - Shape, dtype and device are kept; the truth does not move, and what is ignored plays no part.
    - Nothing is clipped. Where what is returned will be, an attack is told so, and can look for the best that remains.

    An implementation is a frozen dataclass that can be built without arguments. It runs once for each model, on one
    case at a time, so that what else is computed beside it changes nothing.
    """

    random: ClassVar[bool] = True
    """Whether draws differ. An attack that is not random has one draw."""

    @classmethod
    def parse(cls, setting: str) -> "AbstractAttack":
        """The attack from what follows its name and an `@`, such as `l2` in `pgd@l2`; "" if nothing does.

        Raises:
            RequestError: the attack does not take that; the message says what it takes.
        """
        if setting:
            raise RequestError(f"this attack takes nothing after @, and {setting!r} was given: leave it out")
        return cls()

    @property
    def setting(self) -> str:
        """The one spelling of its setting, which stands in the rows; "" without."""
        return ""

    def __call__(
        self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool = False
    ) -> Case:
        """The prepared case, attacked at a level in percent from 0 to 100."""
        check_level(level)
        if level == 0:
            return case
        with _under_attack(model):
            return replace(case, image=self.apply(case, level, generator, model, clip))

    @abstractmethod
    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        """The attacked image, for a level above 0.

        Args:
            case: prepared for the model.
            level: percent, above 0 and at most 100.
            generator: the draw's own. Its device says where numbers are drawn.
            model: in evaluation mode; gradients are recorded and autocast is off.
            clip: whether the caller will bring the result back into the intensity range.
        """

    @abstractmethod
    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """What the level resolves to, a list where channels differ.

        An L-inf radius is called `epsilon`, that of an L2 ball `rms`: by these an attack is compared with those that
        are allowed no more.
        """


@dataclass(frozen=True)
class Aimed:
    """An attack aimed at one model, which makes it a perturbation like others.

    Attributes:
        attack: what is done.
        model: what it is done to.
        clip: whether the result will be brought back into the intensity range.
    """

    attack: AbstractAttack
    model: Segmenter
    clip: bool = False
    moves_truth: ClassVar[bool] = False

    def __call__(self, case: Case, level: float, generator: torch.Generator) -> Case:
        """The case at a level, in percent from 0 to 100."""
        return self.attack(case, level, generator, self.model, self.clip)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Those of the attack."""
        return self.attack.parameters(level, intensity_range)


@contextmanager
def _under_attack(model: Segmenter) -> Iterator[None]:
    """The model in evaluation mode, gradients recorded and autocast off; afterwards all as it was."""
    device = next(model.parameters()).device
    with evaluation_mode(model), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        yield
