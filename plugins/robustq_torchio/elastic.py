"""The perturbation `elastic`: image and mask are bent smoothly."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.draws.random_numbers import uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange, Masks
from robustq_torchio.sampling import Positions, as_volume, moved_image, moved_masks

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
    notes, 2000). The image is interpolated linearly, and the mask takes the nearest voxel, as in TorchIO 1.2.
    """

    moves_truth = True

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The bent image."""
        return moved_image(image, _places(image, level, generator))

    def move(self, mask: Masks, level: float, generator: torch.Generator) -> Masks:
        """The bent masks."""
        return moved_masks(mask, _places(mask, level, generator))

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_displacement` of a control point, as a share of the extent."""
        return {"largest_displacement": level / 100 * FARTHEST / SPACINGS}


def _places(moving: Image | Masks, level: float, generator: torch.Generator) -> Positions:
    """Where the bent image takes its values."""
    flat, extents, device = moving.ndim == 3, as_volume(moving).shape[1:], moving.device
    inner = POINTS - 4
    directions = uniform(generator, inner, inner, 1 if flat else inner, 3, low=-1, high=1)
    # ITK counts the first two axes in the other direction.
    directions = directions.flip(0, 1) * torch.tensor([-1.0, -1.0, 1.0])
    farthest = torch.tensor([level / 100 * FARTHEST / SPACINGS * (extent - 1) for extent in extents])
    weights = [_weights(extent).to(device) for extent in extents]
    if flat:  # the displacement is the same for all points across the plane
        weights[2] = torch.ones_like(weights[2][:, :1])
    points = (directions * farthest).movedim(-1, 0).to(device)
    across = (weights[1] @ points) @ weights[2].T  # of each direction and of each point along the first axis
    planes, rows, columns = (torch.arange(extent, dtype=torch.float64, device=device) for extent in extents)

    def positions(first: int, last: int) -> list[Tensor]:
        x, y, z = torch.einsum("pi,ciyz->cpyz", weights[0][first:last], across)
        return [planes[first:last, None, None] + x, rows[:, None] + y, columns + z]

    return positions


def _weights(extent: int) -> Float[Tensor, "n p"]:
    """What each inner control point contributes to the displacement of each voxel of a line: a cubic B-spline."""
    # ITK spreads the spline over the voxels with their halves beyond the outer centres, and an eighth of a voxel more.
    places = SPACINGS * (torch.arange(extent, dtype=torch.float64) + 0.625) / (extent + 0.25)
    distance = (places[:, None] - torch.arange(1, POINTS - 3)).abs()
    near, far = 2 / 3 - distance**2 + distance**3 / 2, (2 - distance).clamp_min(0) ** 3 / 6
    return torch.where(distance < 1, near, far)
