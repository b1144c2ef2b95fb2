"""The contract of a perturbation: a graded and seeded change of a case, relative to the intensity range."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace

import torch

from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.shapes import Image, IntensityRange, Masks


class AbstractPerturbation(ABC):
    """Maps a case to a perturbed case, given a level and a generator.

    Every implementation keeps these rules, and `robustq.testing` checks them:

    - Level 0 returns the input bit for bit (the base class does this).
    - The result depends only on the image, its intensity range, the level and the generator's state. At every level
      the same numbers are drawn from the generator, so that one draw is the same noise at growing strength. No number
      is taken from a global generator.
    - Mean distortion grows with the level.
    - If the image and its intensity range are rescaled by an increasing affine map, the result is rescaled by the same
      map.
    - Shape, dtype and device stay the same; nothing is clipped.
    - One sentence of the class docstring begins with "At level L," and says what a level of L percent does, as in "At
      level L, the standard deviation of the noise is L % of the intensity range." `robustq list perturbations` prints
      it.
    """

    @property
    def moves_truth(self) -> bool:
        """Whether the mask moves with the image; False unless the implementation sets `moves_truth = True`.

        If it moves, the implementation has a method `move`, ignored voxels move as the mask does, and everything that
        depends on the truth is computed again for each draw.
        """
        return False

    def __call__(self, case: Case, level: float, generator: torch.Generator) -> Case:
        """The perturbed case at a level, in percent from 0 to 100. If a case has no mask, the result has none."""
        check_level(level)
        if level == 0:
            return case
        state = generator.get_state()
        image = self.apply(case.image, level, case.intensity_range, generator)
        if not self.moves_truth:
            return replace(case, image=image)
        generator.set_state(state)
        if case.mask is None:
            return replace(case, image=image)
        if case.ignored is None:
            return replace(case, image=image, mask=self.move(case.mask, level, generator))
        moved = self.move(torch.cat([case.mask, case.ignored[None]]), level, generator)
        return replace(case, image=image, mask=moved[:-1], ignored=moved[-1])

    @abstractmethod
    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The perturbed image, for a level above 0.

        Args:
            image: any floating dtype, two or three spatial axes, any number of channels.
            level: percent, above 0 and at most 100.
            intensity_range: low and high of each channel, in the image's unit. They may be equal.
            generator: the generator of this draw. The noise is drawn on its device.
        """

    def move(self, mask: Masks, level: float, generator: torch.Generator) -> Masks:
        """The mask, moved as `apply` moves the image if its generator is in the same state."""
        raise NotImplementedError(f"{type(self).__name__} declares moves_truth and does not implement move")

    @abstractmethod
    def parameters(self, level: float, intensity_range: IntensityRange) -> Mapping[str, float | list[float] | str]:
        """The quantities that the level stands for, such as a standard deviation; a list where channels differ.

        Text is for what is no number, such as the version of a library that decides the result.

        They are stored with the rows, so that a reader can repeat the perturbation with other software.
        """


def check_level(level: float) -> None:
    """Refuse a level that is not a percentage."""
    if not 0 <= level <= 100:
        raise RequestError(f"level {level:g} is not a percentage: give a number from 0 to 100")
