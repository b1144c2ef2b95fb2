"""A chain: several perturbations, one after the other."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange, Masks


@dataclass(frozen=True)
class Chain(AbstractPerturbation):
    """Applies its members in order, all at the same level and with the intensity range of the first image.

    Each member has its own generator, seeded from the chain's. Each member distorts more at a larger
    level, but the chain need not: blur removes some of the noise that came before it.

    Attributes:
        members: names and perturbations, in order.
    """

    members: tuple[tuple[str, AbstractPerturbation], ...]

    @property
    def moves_truth(self) -> bool:
        """Whether a member moves the mask."""
        return any(member.moves_truth for _, member in self.members)

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image after the last member."""
        for (_, member), member_generator in zip(self.members, self._generators(generator), strict=True):
            image = member.apply(image, level, intensity_range, member_generator)
        return image

    def move(self, mask: Masks, level: float, generator: torch.Generator) -> Masks:
        """The masks, moved by the members that move them."""
        for (_, member), member_generator in zip(self.members, self._generators(generator), strict=True):
            if member.moves_truth:
                mask = member.move(mask, level, member_generator)
        return mask

    def parameters(self, level: float, intensity_range: IntensityRange) -> Mapping[str, float | list[float] | str]:
        """The parameters of all members, each with the member's name before it, such as `gaussian.sigma`."""
        return {
            f"{name}.{parameter}": value
            for name, member in self.members
            for parameter, value in member.parameters(level, intensity_range).items()
        }

    def _generators(self, generator: torch.Generator) -> Iterator[torch.Generator]:
        """One generator per member; its numbers do not depend on how many the other members draw."""
        for _ in self.members:
            seed = int(torch.randint(2**63 - 1, (1,), generator=generator, device=generator.device))
            yield torch.Generator(generator.device).manual_seed(seed)
