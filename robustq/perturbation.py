"""The contract of a perturbation: graded, seeded, relative to the intensity range."""

from abc import ABC, abstractmethod
from dataclasses import replace

import torch

from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.shapes import Image, IntensityRange, Masks


class AbstractPerturbation(ABC):
    """Maps a case to a perturbed case under a level and a generator.

    What must hold for every implementation, and is checked by `robustq.testing`:

    - Level 0 returns the input bit for bit (the base class sees to it).
    - The result depends on nothing but the image, its intensity range, the level and the generator's state; the
      generator is consumed in the same way whatever the level, so that one draw is the same noise at growing
      strength. Nothing is taken from a global generator.
    - Mean distortion grows with the level.
    - Rescaling the image by an increasing affine map, range included, rescales the result by the same map.
    - Shape, dtype and device are kept; nothing is clipped.
    """

    @property
    def moves_truth(self) -> bool:
        """Whether the mask moves with the image; False where nothing else is said (`moves_truth = True`).

        Then `move` is implemented, what is ignored moves as the mask does, and what was computed from the truth is
        computed anew for each draw.
        """
        return False

    def __call__(self, case: Case, level: float, generator: torch.Generator) -> Case:
        """The case at a level, in percent from 0 to 100. A case without a mask has none afterwards."""
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
            generator: the draw's own. Its device says where the noise is drawn.
        """

    def move(self, mask: Masks, level: float, generator: torch.Generator) -> Masks:
        """The mask moved as `apply` moves the image, given a generator in the same state."""
        raise NotImplementedError(f"{type(self).__name__} declares moves_truth and does not implement move")

    @abstractmethod
    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """What the level resolves to (a standard deviation, a fraction, ...), a list where channels differ.

        It is written with the rows, so that a reader can repeat the perturbation with other software.
        """


def check_level(level: float) -> None:
    """Refuse a level that is not a percentage."""
    if not 0 <= level <= 100:
        raise RequestError(f"level {level:g} is not a percentage: give a number from 0 to 100")
