"""Finds the order and the direction of axes in which one grid is another one."""

import itertools
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Shaped

from robustq.data.grid import Affine, close

Turn = tuple[tuple[int, ...], tuple[int, ...]]
"""The new order of the axes, then the axes of the result that are flipped."""


def turn_to(affine: Affine, shape: tuple[int, ...], to: Affine, to_shape: tuple[int, ...]) -> Turn | None:
    """The first turn that brings a grid to another one; None if there is none."""
    if shape == to_shape and close(to, affine, to_shape):
        return (0, 1, 2), ()
    # One step along each axis of the grid, in voxels of the other. Where all corners agree within 0.1 voxel, it differs
    # from that of the turn by at most 0.2, which excludes every other turn; an axis of extent 1 excludes none.
    steps = np.linalg.solve(to[:3, :3], affine[:3, :3])
    near = (abs(_STEPS - steps) < 0.5).all(axis=1) | (np.array(shape) == 1)
    for place in near.all(axis=1).nonzero()[0]:
        order, flips = _TURNS[place]
        if tuple(shape[axis] for axis in order) != to_shape:
            continue
        # Indices of the result -> indices before the turn.
        back = np.eye(4)
        back[:3, :3] = _STEPS[place].T
        back[:3, 3] = [shape[old] - 1 if order.index(old) in flips else 0 for old in range(3)]
        if close(to, affine @ back, to_shape):
            return order, flips
    return None


def turned(volume: Shaped[np.ndarray, "c x y z"], turn: Turn) -> Shaped[np.ndarray, "c u v w"]:
    """The volume after a turn."""
    order, flips = turn
    return np.flip(volume.transpose(0, *(axis + 1 for axis in order)), tuple(axis + 1 for axis in flips))


def _turns() -> Iterator[Turn]:
    """All 48 turns of three axes, the grid as stored first."""
    for order in itertools.permutations(range(3)):
        for flipped in itertools.product((False, True), repeat=3):
            yield order, tuple(axis for axis in range(3) if flipped[axis])


def _steps(order: tuple[int, ...], flips: tuple[int, ...]) -> Float[np.ndarray, "3 3"]:
    """From a step before the turn to the same step after it."""
    steps = np.zeros((3, 3))
    for new, old in enumerate(order):
        steps[new, old] = -1 if new in flips else 1
    return steps


_TURNS = list(_turns())
_STEPS = np.array([_steps(*turn) for turn in _TURNS])
