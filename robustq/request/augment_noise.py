"""Reads the text of `--augment-noise`: a perturbation, and the range of its levels. Never imports torch."""

from dataclasses import dataclass

from robustq.errors import RequestError
from robustq.request.names import canonical_perturbation


@dataclass(frozen=True)
class AugmentNoise:
    """A perturbation for training cases as written, such as `gaussian:0..30`.

    Attributes:
        perturbation: canonical name of a perturbation, or of a chain of them.
        lowest: lowest level, in percent.
        highest: highest level, in percent.
    """

    perturbation: str
    lowest: float
    highest: float

    @classmethod
    def parse(cls, text: str) -> "AugmentNoise":
        """Read the text.

        Raises:
            RequestError: the text does not follow the grammar, a name is unknown, or a level is not a percentage.
        """
        name, colon, levels = text.strip().rpartition(":")
        low, dots, high = levels.partition("..")
        try:
            lowest, highest = float(low), float(high)
        except ValueError as error:
            raise RequestError(
                f"noise augmentation {text!r} is not a perturbation with a range of levels: write NAME:LOW..HIGH as in "
                "gaussian:0..30"
            ) from error
        if not (colon and dots and 0 <= lowest <= highest <= 100):
            raise RequestError(
                f"noise augmentation {text!r} has no range of levels: give percentages from 0 to 100, the lower one "
                "first, as in gaussian:0..30"
            )
        return cls(canonical_perturbation(name), lowest, highest)

    def __str__(self) -> str:
        """The text that `parse` reads back."""
        return f"{self.perturbation}:{self.lowest:.15g}..{self.highest:.15g}"
