"""Decides where an image and its mask lie (docs/definitions.md, "Where an image and its mask lie")."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Shaped

from robustq.errors import CaseError
from robustq.shapes import by
from robustq_data.grid import Affine, close
from robustq_data.stored import Stored

Turn = tuple[tuple[int, ...], tuple[int, ...]]
"""The new order of the axes, then the axes of the result that are flipped."""


def placed(other: Stored, image: Stored, name: str = "the mask") -> tuple[Stored, bool]:
    """A mask, or a further channel, in the array order of its image.

    Args:
        other: the mask or the channel.
        image: the image.
        name: how a message calls `other`.

    Returns:
        `other` with the image's shape; and whether a file that states no orientation was matched by array order,
        although one of the two has a header that could.

    Raises:
        CaseError: the two files do not describe one grid, or have different shapes.
    """
    volume, shape = _volume(other), _volume(image).shape[1:]
    by_array_order = False
    if image.grid is not None and other.grid is not None and image.grid.stated and other.grid.stated:
        turn = _turn(other.grid.affine, volume.shape[1:], image.grid.affine, shape)
        if turn is not None:
            volume = _turned(volume, turn)
        elif (image.grid.identity or other.grid.identity) and volume.shape[1:] == shape:
            by_array_order = True
        else:
            raise CaseError(
                f"the image has the shape {_shape(image)} and the affine {image.grid}, {name} {_shape(other)} and "
                f"{other.grid}: these are not one grid in any order of the axes, so mend the header that is wrong"
            )
    else:
        by_array_order = image.grid is not None or other.grid is not None
    if volume.shape[1:] != shape:
        raise CaseError(f"the image has the shape {_shape(image)}, {name} {_shape(other)}: they must be equal")
    values = volume.reshape(len(volume), *image.values.shape[1:])
    return replace(other, values=values, spacing=image.spacing, unit=image.unit, grid=image.grid), by_array_order


def _turn(affine: Affine, shape: tuple[int, ...], to: Affine, to_shape: tuple[int, ...]) -> Turn | None:
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


def _turned(volume: Shaped[np.ndarray, "c x y z"], turn: Turn) -> Shaped[np.ndarray, "c u v w"]:
    order, flips = turn
    return np.flip(volume.transpose(0, *(axis + 1 for axis in order)), tuple(axis + 1 for axis in flips))


def _volume(stored: Stored) -> Shaped[np.ndarray, "c x y z"]:
    """The values with three spatial axes: an image gets a last one of extent 1."""
    return stored.values[..., None] if stored.values.ndim == 3 else stored.values


def _shape(stored: Stored) -> str:
    return by(stored.values.shape[1:], "×")
