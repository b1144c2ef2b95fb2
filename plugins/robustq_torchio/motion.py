"""The perturbation `motion`: the patient moves during the scan."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import choice, uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_torchio.library import explicit, transformed

MOVES = 3
DEGREES, SHIFT = 30.0, 0.15
"""Largest turn in degrees, and largest shift as a share of the extents, at level 100."""


@dataclass(frozen=True)
class Motion(AbstractPerturbation):
    """Blur and repeat edges as an MR image does when the patient moves during the scan.

    At level L, each move turns by at most 0.3·L degrees and shifts by at most 0.15·L % of each extent. While k-space is
    filled, the patient moves three times.

    A draw chooses the axis along which k-space is filled, the three times, and the three moves. The centre of k-space
    comes from the unmoved image. In 2D all moves are in the plane. By TorchIO; source: Shaw et al., MIDL 2019.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image whose k-space was filled during the moves."""
        last = 1 + choice(generator, image.ndim - 1)
        times = (torch.arange(MOVES) + 1 + uniform(generator, MOVES, low=-0.3, high=0.3)) / (MOVES + 1)
        degrees, shifts = level / 100 * uniform(generator, 2, MOVES, 3, low=-1, high=1)
        # TorchIO fills k-space along the last of three axes, so an image must not be given as a slice (C, H, W, 1).
        shape = image.movedim(last, -1).shape
        volume = (shape[0], 1, *shape[1:]) if image.ndim == 3 else shape
        degrees, shifts = DEGREES * degrees, SHIFT * shifts * torch.tensor(volume[1:])
        if image.ndim == 3:
            degrees[:, 1:], shifts[:, 0] = 0, 0
        motion = explicit(
            "Motion",
            degrees=degrees.numpy(),
            translation=shifts.numpy(),
            times=times.numpy(),
            image_interpolation="linear",
        )

        def move(shares: Image) -> Image:
            moved = transformed(shares.movedim(last, -1).reshape(volume), motion)
            return moved.reshape(shape).movedim(-1, last)

        return in_shares(image, intensity_range, move)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`largest_turn` in degrees, and `largest_shift` as a share of each extent."""
        return {"largest_turn": level / 100 * DEGREES, "largest_shift": level / 100 * SHIFT}
