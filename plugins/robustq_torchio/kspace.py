"""Filters along one axis of k-space, as matrices: the other axes of the Fourier transform cancel."""

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.shapes import Image


def filter_matrix(factors: Float[Tensor, "n"]) -> Float[Tensor, "n n"]:
    """The matrix M that multiplies the planes of k-space by these factors: a line x of the image becomes x · M.

    Args:
        factors: one factor for each plane, from the lowest frequency to the highest, so that the mean is in the middle.
    """
    extent = len(factors)
    # Of the result, the real part is kept, so a plane and its mirror image act together.
    response = torch.fft.ifft(torch.fft.ifftshift(factors.double())).real
    place = torch.arange(extent)
    matrix: Tensor = response[(place - place[:, None]) % extent].float()
    return matrix


def filtered(image: Image, matrix: Float[Tensor, "n n"], axis: int) -> Image:
    """The image, filtered in float32 along one of its axes."""
    return (image.float().movedim(axis, -1) @ matrix.to(image.device)).movedim(-1, axis)
