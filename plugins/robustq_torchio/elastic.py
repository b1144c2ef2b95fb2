"""The perturbation `elastic`: image and mask are bent smoothly."""

from dataclasses import dataclass
from typing import Any

import torch

from robustq.draws.random_numbers import uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange, Masks
from robustq_torchio.library import explicit, moved_image, moved_masks

POINTS = 7
"""Control points along each axis. The two outermost on each side do not move, so that the border hardly moves."""
SPACINGS = POINTS - 3
"""Number of spacings between control points in the extent of the image."""
FARTHEST = 0.4
"""Largest displacement of a control point at level 100, in spacings. Up to this value, nothing folds."""


@dataclass(frozen=True)
class Elastic(AbstractPerturbation):
    """Bend image and mask together, smoothly and at random.

    At level L, the control points move by at most L/10 % of the extent along each axis. A cubic B-spline has 7 control
    points along each axis. The 3 inner ones move, uniformly between these bounds.

    At level 100 the bound is 0.4 spacings. Up to there, no place folds over another (Choi and Lee, ACM SIGGRAPH course
    notes, 2000). TorchIO interpolates the image linearly and the mask by the nearest neighbour.
    """

    moves_truth = True

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The bent image."""
        return moved_image(image, _elastic(image.shape[1:], level, generator))

    def move(self, mask: Masks, level: float, generator: torch.Generator) -> Masks:
        """The bent masks."""
        return moved_masks(mask, _elastic(mask.shape[1:], level, generator))

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_displacement` of a control point, as a share of the extent."""
        return {"largest_displacement": level / 100 * FARTHEST / SPACINGS}


def _elastic(extents: tuple[int, ...], level: float, generator: torch.Generator) -> Any:
    farthest = [level / 100 * FARTHEST / SPACINGS * (extent - 1) for extent in (*extents, 1)[:3]]
    directions = torch.zeros(POINTS, POINTS, POINTS, 3, dtype=torch.float64)
    inner = slice(2, POINTS - 2)
    if len(extents) == 2:  # the displacement is the same for all points across the plane
        directions[inner, inner] = uniform(generator, 3, 3, 1, 3, low=-1, high=1)
    else:
        directions[inner, inner, inner] = uniform(generator, 3, 3, 3, 3, low=-1, high=1)
    points = directions * torch.tensor(farthest)
    return explicit("ElasticDeformation", control_points=points.numpy(), max_displacement=tuple(farthest))
