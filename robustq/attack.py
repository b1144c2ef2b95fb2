"""The contract of an attack: a perturbation that sees the model."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from typing import TYPE_CHECKING, ClassVar

import torch

from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.network.run_network import evaluation_mode
from robustq.perturbation import check_level
from robustq.shapes import Image, IntensityRange


class AbstractAttack(ABC):
    """Maps a prepared case to an attacked case, given a level, a generator and the model that is attacked.

    Every implementation keeps these rules, and `robustq.testing` checks them:

    - Level 0 returns the case itself, and a larger level allows every change that a smaller level allows.
    - The result depends only on the case, the level, the generator's state and the model. An attack takes no number
      from a global generator; an attack that is not `random` takes none from its own generator either.
    - The model stays as it was: its weights and their gradients, its buffers, and its training mode.
    - Shape, dtype and device stay the same; the truth does not move, and ignored voxels have no effect.
    - An attack clips nothing. If the caller will clip the result, the argument `clip` says so, and the attack can look
      for the image that is worst after clipping.

    An implementation is a frozen dataclass that can be built without arguments. It runs once for each model, on one
    case at a time, so its result does not depend on the other cases of a batch.
    """

    random: ClassVar[bool] = True
    """Whether draws differ. An attack that is not random has one draw."""

    @classmethod
    def parse(cls, setting: str) -> "AbstractAttack":
        """The attack with a setting, the text after its name and an `@`, such as `l2` in `pgd@l2`; "" without one.

        Raises:
            RequestError: the attack does not take this setting; the message says what it takes.
        """
        if setting:
            raise RequestError(f"this attack takes nothing after @, and {setting!r} was given: leave it out")
        return cls()

    @property
    def setting(self) -> str:
        """The one spelling of the attack's setting, as the rows hold it; "" without a setting."""
        return ""

    @property
    def passes(self) -> int:
        """Number of passes with gradient that a draw takes. A user is told their sum before a long run."""
        return 1

    @property
    def queries(self) -> int:
        """Number of passes without gradient that a draw takes."""
        return 0

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
            case: a case that is prepared for the model.
            level: percent, above 0 and at most 100.
            generator: the generator of this draw. Numbers are drawn on its device.
            model: in evaluation mode; gradients are recorded and autocast is off.
            clip: whether the caller will clip the result to the intensity range.
        """

    @abstractmethod
    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """The quantities that the level stands for, such as a radius; a list where channels differ.

        An L-inf radius is called `epsilon`, and the radius of an L2 ball `rms`. By these names, attacks are compared
        with attacks that are allowed no more. An attack that follows no gradient names its `queries`: if it does more
        harm than those that follow one, their gradients are masked.
        """


@dataclass(frozen=True)
class Aimed:
    """An attack together with the model that it is aimed at. It can be used like a perturbation.

    Attributes:
        attack: the attack.
        model: the model that is attacked.
        clip: whether the caller will clip the result to the intensity range.
    """

    attack: AbstractAttack
    model: Segmenter
    clip: bool = False
    moves_truth: ClassVar[bool] = False

    def __call__(self, case: Case, level: float, generator: torch.Generator) -> Case:
        """The case at a level, in percent from 0 to 100."""
        return self.attack(case, level, generator, self.model, self.clip)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """The parameters of the attack."""
        return self.attack.parameters(level, intensity_range)


@contextmanager
def _under_attack(model: Segmenter) -> Iterator[None]:
    """Put the model in evaluation mode, record gradients and switch autocast off; afterwards restore all three."""
    device = model.device
    with evaluation_mode(model), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        yield


# Plugins and scripts of earlier versions import this name from here. It is looked up only when it is asked for, so that
# no arrow runs up while the module is imported; type checkers do not see it.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name == "load_attacks":
            return getattr(import_module("robustq.draws.by_name"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
