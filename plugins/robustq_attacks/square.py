"""The attack `square`: a random search that follows no gradient."""

from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.attack import AbstractAttack
from robustq.dataset import Case
from robustq.draws.intensity import bounds
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.shapes import Image, IntensityRange
from robustq_attacks.gradient import stack_scores
from robustq_attacks.judge import Judge, stacked, unstacked
from robustq_attacks.norm import shares, span
from robustq_attacks.settings import DEFAULT

QUERIES = 1000
BUDGET = "queries="
"""What stands before the number of queries after the @."""

SHARE = 0.05
"""Share of the image that the first squares cover."""

HALVED = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""Queries, of 10 000, after which this share is halved; of another budget, the same parts."""


@dataclass(frozen=True)
class Square(AbstractAttack):
    """Change squares of the image at random, and keep what makes the answer worse; no gradient is used.

    Every value is changed by the largest amount that the level allows, up or down. The search begins with stripes one
    voxel wide along the last axis. Each further query changes one square (a cube in a volume) at a random place, one
    direction for each channel, and is kept if the model's answer is worse. The squares shrink as published
    (Andriushchenko et al., ECCV 2020, algorithms 1 and 2, and their code).

    Because it needs no gradient, the attack checks those that do: a network whose gradients mislead them does not
    mislead this one. An answer is worse if its cross-entropy, summed over the voxels, is larger; the published search
    asks for the margin of its one class instead. The slices of a volume that a 2D model reads are searched side by
    side.

    Attributes:
        queries: number of passes; `square@queries=200` takes 200.
    """

    queries: int = QUERIES

    @classmethod
    def parse(cls, setting: str) -> "Square":
        """Read `queries=200`, or nothing."""
        number = setting.removeprefix(BUDGET)
        if setting and not (setting.startswith(BUDGET) and number.isdecimal() and int(number) > 0):
            raise RequestError(f"{setting!r} is not a number of queries: give {BUDGET}200 after the @")
        return cls(int(number)) if setting else cls()

    @property
    def setting(self) -> str:
        """The number of queries if it is not the default: `queries=200`, or nothing."""
        return "" if self.queries == QUERIES else f"{BUDGET}{self.queries}"

    @property
    def passes(self) -> int:
        """No pass with gradient."""
        return 0

    def apply(self, case: Case, level: float, generator: torch.Generator, model: Segmenter, clip: bool) -> Image:
        """The image after the last query."""
        step = span(case) * DEFAULT.radius(level, case.image.numel())
        judge = Judge.of(case, model.spec.answer)
        low, high = bounds(case.image, case.intensity_range) if clip else (None, None)

        def attacked(signs: Float[Tensor, "n c *p"]) -> Image:
            return case.image + step * unstacked(case, signs)

        def losses(signs: Float[Tensor, "n c *p"]) -> Float[Tensor, " n"]:
            image = attacked(signs).clamp(low, high) if clip else attacked(signs)
            return judge.cross_entropies(stack_scores(model, stacked(case, image))).to(signs.device)

        images = stacked(case, case.image)
        stripes = (*images.shape[:2], *[1] * (images.ndim - 3), images.shape[-1])
        signs = _signs(stripes, generator).to(case.image).expand(images.shape).clone()
        largest = losses(signs)
        for square in range(self.queries - 1):
            tried = signs.clone()
            for image in tried:
                _recolour(image, side(square, self.queries, image.shape[1:]), generator)
            reached = losses(tried)
            signs[reached > largest] = tried[reached > largest]
            largest = torch.maximum(largest, reached)
        return attacked(signs)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """Parameters of the ball, and `queries`."""
        return {**DEFAULT.parameters(shares(level, intensity_range)), "queries": float(self.queries)}


def side(square: int, queries: int, extents: torch.Size) -> tuple[int, ...]:
    """The extents of a square; along each axis, at most the whole image.

    Args:
        square: number of the square; 0 is the first.
        queries: number of queries, the first of which tries the stripes.
        extents: extents of the image.
    """
    share = SHARE / 2 ** sum(square * 10_000 // queries > end for end in HALVED)
    length = max(1, round((share * prod(extents)) ** (1 / len(extents))))
    return tuple(min(length, extent) for extent in extents)


def _recolour(signs: Float[Tensor, "c *s"], extents: tuple[int, ...], generator: torch.Generator) -> None:
    """Give a square at a random place one sign for each channel, in place; not the signs that it has already."""
    corner = [
        int(torch.randint(extent - length + 1, (), generator=generator, device=generator.device))
        for extent, length in zip(signs.shape[1:], extents, strict=True)
    ]
    window = signs[(slice(None), *(slice(at, at + length) for at, length in zip(corner, extents, strict=True)))]
    colours = window
    while colours.expand_as(window).equal(window):
        colours = _signs((len(signs), *[1] * len(extents)), generator).to(signs)
    window[:] = colours


def _signs(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Independent values, each 1 or -1."""
    return 2 * torch.randint(2, shape, generator=generator, device=generator.device) - 1
