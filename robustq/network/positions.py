"""Encodes the place of each token in a grid."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def positions(grid: Sequence[int], channels: int) -> Tensor:
    """Sine and cosine of each coordinate at falling frequencies, (channels, *grid). Remaining channels are 0."""
    axes = len(grid)
    waves = channels // (2 * axes)
    encoded = torch.zeros(channels, *grid)
    frequencies = torch.exp(-math.log(10_000) * torch.arange(waves) / max(1, waves))
    for axis, extent in enumerate(grid):
        angles = frequencies[:, None] * torch.arange(extent)  # (waves, extent)
        shape = [waves, *(extent if place == axis else 1 for place in range(axes))]
        start = 2 * waves * axis
        encoded[start : start + waves] = angles.sin().view(shape)
        encoded[start + waves : start + 2 * waves] = angles.cos().view(shape)
    return encoded
