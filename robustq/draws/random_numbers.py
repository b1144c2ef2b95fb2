"""Random numbers for draws. They do not depend on the level: they give the direction, and the level the distance."""

import torch
from jaxtyping import Float
from torch import Tensor


def uniform(generator: torch.Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> Float[Tensor, "*s"]:
    """Numbers between low and high, float64 on the CPU, drawn where the generator is."""
    numbers = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)
    return low + (high - low) * numbers.cpu()


def strength(generator: torch.Generator) -> float:
    """The share of the level's effect that a draw gets, from 0.5 to 1: draws differ, and each has an effect."""
    return float(uniform(generator, low=0.5))


def either_way(generator: torch.Generator) -> float:
    """`strength` with a sign, both equally likely."""
    sign, size = uniform(generator, 2)
    return float((1 + size) / 2 * (1 if sign < 0.5 else -1))


def choice(generator: torch.Generator, count: int) -> int:
    """A random whole number from 0 to count - 1."""
    return int(torch.randint(count, (1,), generator=generator, device=generator.device))
