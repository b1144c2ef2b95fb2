"""The step size of Auto-PGD, halved at fixed checkpoints where the loss no longer rises as it should."""

from collections.abc import Sequence
from dataclasses import dataclass, field

RISING = 0.75
"""If fewer steps than this share raised the loss since the last checkpoint, the step is too long."""


@dataclass
class StepSize:
    """A step size, and what has happened since the last checkpoint (Croce and Hein, ICML 2020, section 3.2).

    Attributes:
        size: the present step size.
        steps: number of steps of the attack.
        highest: largest loss at the last checkpoint; at first, the loss of the start.
    """

    size: float
    steps: int
    highest: float
    _checked: int = field(default=0, repr=False)  # step of the last checkpoint
    _rises: int = field(default=0, repr=False)  # steps since then that raised the loss
    _halved: bool = field(default=False, repr=False)  # whether the size was halved there

    def halves_after(self, step: int, rose: bool, highest: float) -> bool:
        """Take note of a step, and halve the size if this is a checkpoint at which one of two things holds.

        The loss rose in too few of the steps since the last checkpoint; or the size was not halved there, and the
        largest loss is still the same.

        Args:
            step: number of the step; 1 is the first.
            rose: whether it raised the loss.
            highest: largest loss so far.

        Returns:
            Whether the size was halved. The attack then goes on from the image with the largest loss.
        """
        self._rises += rose
        if step not in checkpoints(self.steps):
            return False
        few = self._rises < RISING * (step - self._checked)
        stuck = not self._halved and highest == self.highest
        self._halved, self._checked, self._rises, self.highest = few or stuck, step, 0, highest
        if self._halved:
            self.size /= 2
        return self._halved


def checkpoints(steps: int) -> Sequence[int]:
    """The steps after which the size is checked: ⌈p·steps⌉ for p = 0.22, 0.41, 0.57, 0.70, 0.80, 0.87, 0.93, 0.99.

    These are p_0 = 0, p_1 = 0.22 and p_(j+1) = p_j + max(p_j - p_(j-1) - 0.03, 0.06), up to 1.
    """
    percents = [0, 22]
    while (following := percents[-1] + max(percents[-1] - percents[-2] - 3, 6)) <= 100:
        percents.append(following)
    return [-(-percent * steps // 100) for percent in percents[1:]]
