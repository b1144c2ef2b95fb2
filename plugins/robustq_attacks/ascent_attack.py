"""What PGD, SegPGD and BPDA have in common: settings, cost and parameters of their ascent."""

from dataclasses import dataclass

from robustq.attack import AbstractAttack
from robustq.shapes import IntensityRange
from robustq_attacks.ascent import Ascent


@dataclass(frozen=True)
class AbstractAscentAttack(AbstractAttack):
    """An attack by projected gradient ascent. An implementation says in `apply` what the ascent follows.

    Attributes:
        ascent: norm and steps.
    """

    ascent: Ascent = Ascent()  # noqa: RUF009 - frozen

    @classmethod
    def parse(cls, setting: str) -> "AbstractAscentAttack":
        """Read `l2`, `40`, `l2-40`, or nothing."""
        return cls(Ascent.parse(setting))

    @property
    def setting(self) -> str:
        """Norm and steps where they are not the default: `l2`, `40`, `l2-40`, or nothing."""
        return self.ascent.setting

    @property
    def passes(self) -> int:
        """One pass for each step."""
        return self.ascent.steps

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Parameters of the ball; `steps`, and `step` in radii."""
        return self.ascent.parameters(level, intensity_range)
