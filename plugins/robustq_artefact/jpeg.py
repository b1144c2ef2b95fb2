"""The perturbation `jpeg`: detail is lost as in JPEG compression."""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import choice
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_artefact.planes import from_planes, to_planes

BLOCK = 8
STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation steps of 8-bit luminance at quality 50 (ITU-T T.81, table K.1)."""

COARSEST = 50.0
"""Scale of the steps at level 100, which is IJG's scale at quality 1."""


@dataclass(frozen=True)
class JPEG(AbstractPerturbation):
    """Lose detail as JPEG compression does.

    At level L, the quantisation steps are those of the standard's luminance table times L²/200. They apply to the
    cosine transform of each block of 8×8 pixels, after the intensity range was mapped to 0 to 255.

    IJG's quality q uses the table times 2 - q/50 for q of 50 or more, and times 50/q below. So level 10 is quality 75,
    level 30 is quality 11, and level 100 is quality 1. Unlike in IJG, steps are neither rounded nor bounded, so that
    the lowest levels lose almost nothing. Every channel is compressed by itself, and a volume slice by slice along its
    last axis. A draw chooses where the grid of blocks begins, because its place is unknown in an image that was cropped
    and resampled.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image with its blocks quantised."""
        before = choice(generator, BLOCK), choice(generator, BLOCK)
        steps = _scale(level) * torch.tensor(STEPS, dtype=torch.float64, device=image.device)

        def compress(shares: Image) -> Image:
            planes = to_planes(shares)
            return from_planes(_compress(255 * planes - 128, steps, before) + 128, image.ndim) / 255

        return in_shares(image, intensity_range, compress)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`scale` of the table's steps, L²/200, and the `quality`, 100 to 1, at which IJG uses this scale."""
        scale = _scale(level)
        return {"scale": scale, "quality": 100 - 50 * scale if scale <= 1 else 50 / scale}


def _scale(level: float) -> float:
    return COARSEST * (level / 100) ** 2


def _compress(
    planes: Float[Tensor, "b c h w"], steps: Float[Tensor, "u v"], before: tuple[int, int]
) -> Float[Tensor, "b c h w"]:
    """The planes with their blocks quantised.

    Args:
        planes: values minus 128, where the intensity range is 0 to 255.
        steps: quantisation steps of a block.
        before: number of rows and of columns by which the first block begins before the plane; missing values repeat
            the border.
    """
    height, width = planes.shape[2:]
    top, left = before
    padded = F.pad(planes, (left, -(left + width) % BLOCK, top, -(top + height) % BLOCK), mode="replicate")
    blocks = padded.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK))  # (b, c, rows, 8, columns, 8)
    basis = _cosines(planes.device)
    frequencies = torch.einsum("ui,bcyixj,vj->bcyxuv", basis, blocks, basis)
    quantised = (frequencies / steps).round() * steps
    result = torch.einsum("ui,bcyxuv,vj->bcyixj", basis, quantised, basis).flatten(4, 5).flatten(2, 3)
    return result[:, :, top : top + height, left : left + width]


def _cosines(device: torch.device) -> Float[Tensor, "u i"]:
    """The orthonormal cosine transform (DCT-II) of a block's side."""
    place = torch.arange(BLOCK, dtype=torch.float64, device=device)
    basis = torch.cos(math.pi / BLOCK * (place + 0.5) * place[:, None]) * math.sqrt(2 / BLOCK)
    basis[0] /= math.sqrt(2)
    return basis
