"""The perturbation `affine`: image and mask are turned, scaled and shifted."""

from dataclasses import dataclass
from math import log

import torch

from robustq.draws.random_numbers import uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange, Masks
from robustq_torchio.sampling import Positions, affine_positions, as_volume, moved_image, moved_masks, rotation

DEGREES, SCALE, SHIFT = 45.0, 1.5, 0.2
"""Largest turn in degrees, largest scale, and largest shift as a share of the extents, at level 100."""


@dataclass(frozen=True)
class Affine(AbstractPerturbation):
    """Turn, shift and scale image and mask together.

    At level L, a draw turns by at most 0.45·L degrees, shifts by at most 0.2·L % of each extent, and scales each axis
    by at most 1.5^(L/100) or its inverse. Directions and sizes are uniform between these bounds.

    The centre stays in place under turns and scales. In 2D the image turns in its plane. Pixels from outside the image
    get the channel's minimum, and background in the mask. The image is interpolated linearly, and the mask takes the
    nearest voxel. It is TorchIO 1.2's Affine.
    """

    moves_truth = True

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image (C, *S), moved as the draw says."""
        return moved_image(image, _places(image, level, generator))

    def move(self, mask: Masks, level: float, generator: torch.Generator) -> Masks:
        """The masks (L, *S), moved exactly as the image of the same draw."""
        return moved_masks(mask, _places(mask, level, generator))

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_turn` in degrees, `largest_scale`, and `largest_shift` as a share of each extent."""
        share = level / 100
        return {"largest_turn": share * DEGREES, "largest_scale": SCALE**share, "largest_shift": share * SHIFT}


def _places(moving: Image | Masks, level: float, generator: torch.Generator) -> Positions:
    """Where the moved image takes its values: the inverse of the scales, which come last, then of shift and turn."""
    volume = as_volume(moving)
    extents = torch.tensor(volume.shape[1:])
    turn, scale, shift = level / 100 * uniform(generator, 3, 3, low=-1, high=1)
    shift = SHIFT * shift * extents
    scale, turn = (log(SCALE) * scale).exp(), DEGREES * turn
    if extents[2] == 1:
        turn[:2], scale[2], shift[2] = 0, 1, 0
    centre = (extents - 1) / 2
    back = rotation(turn).T
    inverse = back / scale
    return affine_positions(inverse, centre - inverse @ centre.double() - back @ shift, volume)
