"""A tensor that carries along how much it changes when the image changes, and what the rules of functions share."""

from collections.abc import Callable, Sequence

from torch import Tensor


class Bounded(Tensor):
    """A tensor that changes by at most `bound` times as much as the image does (L2 norms)."""

    bound: float


Rule = Callable[..., float]
"""Takes the arguments of a function, some of them `Bounded`, and gives the bound of its result."""


class NoRuleError(Exception):
    """A function has no bound for these arguments."""


def bound_of(value: object) -> float:
    """The bound of a tensor; 0 for what does not depend on the image."""
    return value.bound if isinstance(value, Bounded) else 0.0


def times(factor: float) -> Rule:
    """The rule of a function that lengthens a change of its first argument by at most a factor."""
    return lambda *args, **kwargs: factor * bound_of(args[0])


def only_first(*others: object) -> None:
    """Refuse a weight or a factor that depends on the image.

    Raises:
        NoRuleError: one of them does.
    """
    if any(isinstance(other, Bounded) for other in others):
        raise NoRuleError


def largest(factor: object) -> float:
    """The largest absolute value of a factor; 1 for none."""
    if factor is None:
        return 1.0
    return float(factor.detach().abs().max()) if isinstance(factor, Tensor) else abs(float(factor))  # type: ignore[arg-type]


def each(value: int | Sequence[int], axes: int) -> list[int]:
    """One number for each axis."""
    return [value] * axes if isinstance(value, int) else list(value) * (axes // len(value))
