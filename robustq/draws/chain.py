"""Several perturbations, one after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange, Masks


@dataclass(frozen=True)
class Chain(AbstractPerturbation):
    """Applies its members in order, at the same level, with the intensity range of the image it was given.

    Each member has a generator of its own, seeded from the chain's. A chain need not grow with the level as its members
    do: blur takes away some of the noise before it.

    Attributes:
        members: with their names, in order.
    """

    members: tuple[tuple[str, AbstractPerturbation], ...]

    @property
    def moves_truth(self) -> bool:
        """Whether a member does."""
        return any(member.moves_truth for _, member in self.members)

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image after the last member."""
        for (_, member), own in zip(self.members, self._generators(generator), strict=True):
            image = member.apply(image, level, intensity_range, own)
        return image

    def move(self, mask: Masks, level: float, generator: torch.Generator) -> Masks:
        """The masks, moved by the members that move them."""
        for (_, member), own in zip(self.members, self._generators(generator), strict=True):
            if member.moves_truth:
                mask = member.move(mask, level, own)
        return mask

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Those of all members, as `gaussian.sigma`."""
        return {
            f"{name}.{parameter}": value
            for name, member in self.members
            for parameter, value in member.parameters(level, intensity_range).items()
        }

    def _generators(self, generator: torch.Generator) -> Iterator[torch.Generator]:
        """One a member, whatever the others draw."""
        for _ in self.members:
            seed = int(torch.randint(2**63 - 1, (1,), generator=generator, device=generator.device))
            yield torch.Generator(generator.device).manual_seed(seed)
