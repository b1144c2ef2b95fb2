"""The perturbation `motion`: the patient moves during the scan."""

from dataclasses import dataclass

import torch
from torch import Tensor

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import choice, uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_torchio.kspace import filter_matrix, filtered
from robustq_torchio.sampling import affine_positions, linear, rotation

MOVES = 3
DEGREES, SHIFT = 30.0, 0.15
"""Largest turn in degrees, and largest shift as a share of the extents, at level 100."""
_MIRROR = torch.tensor([-1.0, -1.0, 1.0])
"""ITK counts the first two axes in the other direction."""


@dataclass(frozen=True)
class Motion(AbstractPerturbation):
    """Blur and repeat edges as an MR image does when the patient moves during the scan.

    At level L, each move turns by at most 0.3·L degrees and shifts by at most 0.15·L % of each extent. While k-space is
    filled, the patient moves three times.

    A draw chooses the axis along which k-space is filled, the three times, and the three moves. The centre of k-space
    comes from the unmoved image. In 2D all moves are in the plane. It is TorchIO 1.2's Motion; source: Shaw
    et al., MIDL 2019.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image whose k-space was filled during the moves."""
        last = 1 + choice(generator, image.ndim - 1)
        times = (torch.arange(MOVES) + 1 + uniform(generator, MOVES, low=-0.3, high=0.3)) / (MOVES + 1)
        degrees, shifts = level / 100 * uniform(generator, 2, MOVES, 3, low=-1, high=1)
        # A move is about the first voxel. K-space is filled along the last axis of a volume; an image is one plane.
        shape = image.movedim(last, -1).shape
        volume = (shape[0], 1, *shape[1:]) if image.ndim == 3 else shape
        degrees, shifts = DEGREES * degrees, SHIFT * shifts * torch.tensor(volume[1:])
        if image.ndim == 3:
            degrees[:, 1:], shifts[:, 0] = 0, 0
        filters = _filters(times, volume[-1])

        def move(shares: Image) -> Image:
            still = shares.movedim(last, -1).reshape(volume).float()
            result = filtered(still, filters[0], -1)
            for turn, shift, matrix in zip(degrees, shifts, filters[1:], strict=True):
                places = affine_positions(rotation(_MIRROR * turn), _MIRROR * shift, still)
                result += filtered(linear(still, places), matrix, -1)
            return result.reshape(shape).movedim(-1, last)

        return in_shares(image, intensity_range, move)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_turn` in degrees, and `largest_shift` as a share of each extent."""
        return {"largest_turn": level / 100 * DEGREES, "largest_shift": level / 100 * SHIFT}


def _filters(times: Tensor, extent: int) -> list[Tensor]:
    """Filters of the unmoved image and of each moved one: the part of k-space that was filled from it.

    Args:
        times: when the patient moves, in order, as shares of the time in which k-space is filled.
        extent: number of planes of k-space, which are filled from the lowest frequency to the highest.
    """
    ends = [0, *(extent * times).long().tolist(), extent]
    parts = torch.zeros(len(ends) - 1, extent)
    order = list(range(len(parts)))
    central = int((times <= 0.5).sum())  # the part that was being filled at half time
    order[0], order[central] = central, 0
    for image, first, last in zip(order, ends[:-1], ends[1:], strict=True):
        parts[image, first:last] = 1
    return [filter_matrix(part) for part in parts]
