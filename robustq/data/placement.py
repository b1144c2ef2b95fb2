"""Decides where an image and its mask lie (docs/definitions.md, "Where an image and its mask lie")."""

import numpy as np
from jaxtyping import Shaped

from robustq.data.grid import Grid
from robustq.data.turn import turn_to, turned
from robustq.errors import CaseError
from robustq.shapes import by


def placed(
    values: Shaped[np.ndarray, "c *s"],
    grid: Grid | None,
    *,
    shape: tuple[int, ...],
    to: Grid | None,
    name: str = "the mask",
) -> tuple[Shaped[np.ndarray, "c *t"], bool]:
    """A mask, or a further channel, in the array order of its image.

    Args:
        values: values of the mask or of the channel.
        grid: where they lie; None if nothing says it.
        shape: spatial shape of the image.
        to: where the image lies; None if nothing says it.
        name: how a message calls what has these values.

    Returns:
        The values with the image's shape; and whether they were matched by array order although one of the two says
        where it lies, or could.

    Raises:
        CaseError: the two do not describe one grid, or have different shapes.
    """
    volume, volume_shape = values[..., None] if values.ndim == 3 else values, (*shape, 1)[:3]
    shapes = f"the image has the shape {by(shape, '×')}{{}}, {name} {by(values.shape[1:], '×')}"
    by_array_order = False
    if to is not None and grid is not None and to.stated and grid.stated:
        turn = turn_to(grid.affine, volume.shape[1:], to.affine, volume_shape)
        if turn is not None:
            volume = turned(volume, turn)
        elif (to.identity or grid.identity) and volume.shape[1:] == volume_shape:
            by_array_order = True
        else:
            raise CaseError(
                f"{shapes.format(f' and the affine {to}')} and {grid}: these are not one grid in any order of the "
                "axes, so mend the affine that is wrong"
            )
    else:
        by_array_order = to is not None or grid is not None
    if volume.shape[1:] != volume_shape:
        raise CaseError(f"{shapes.format('')}: they must be equal")
    return volume.reshape(len(volume), *shape), by_array_order
