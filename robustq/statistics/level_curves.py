"""Summarises a curve over levels: retention, AUDC, worst level (docs/definitions.md, Robustness of one model)."""

import numpy as np
from jaxtyping import Float

from robustq.errors import RequestError

Curve = Float[np.ndarray, " _"]


def retention(levels: Curve, values: Curve) -> Curve:
    """Each level's value divided by the value at level 0; NaN if the latter is 0.

    Args:
        levels: percent, each once and in any order; level 0 is among them.
        values: mean Dice, or another share, at these levels.

    Raises:
        RequestError: level 0 is missing, a level occurs twice, or the lengths differ.
    """
    _check(levels, values)
    clean = values[levels == 0][0]
    return values / clean if clean != 0 else np.full_like(values, np.nan)


def audc(levels: Curve, values: Curve) -> float:
    """The trapezoidal area under the curve from level 0, divided by the highest level; 1 is perfect for Dice.

    Raises:
        RequestError: as `retention`; or level 0 is the only level.
    """
    _check(levels, values)
    if len(levels) < 2:
        raise RequestError("a curve with level 0 alone has no area: give at least one level above 0")
    order = np.argsort(levels)
    return float(np.trapezoid(values[order], levels[order]) / levels.max())


def worst_level(levels: Curve, values: Curve, *, higher_is_better: bool = True) -> float:
    """The level with the worst value, the lowest one if several share it; NaN where no level has a value.

    Raises:
        RequestError: as `retention`.
    """
    _check(levels, values)
    order = np.argsort(levels)
    losses = values[order] if higher_is_better else -values[order]
    return float("nan") if np.isnan(losses).all() else float(levels[order][np.nanargmin(losses)])


def _check(levels: Curve, values: Curve) -> None:
    if len(levels) != len(values):
        raise RequestError(f"{len(levels)} levels and {len(values)} values were given: give one value for each level")
    if len(np.unique(levels)) != len(levels):
        raise RequestError(f"a level occurs twice in {levels.tolist()}: give each level once")
    if 0 not in levels:
        raise RequestError(f"level 0 is not among the levels {levels.tolist()}: add it and its value")
