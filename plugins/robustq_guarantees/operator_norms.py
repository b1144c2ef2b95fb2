"""Upper bounds of the L2 norm of linear layers as operators. Power iteration would bound nothing from above."""

import math
from collections.abc import Sequence
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor


def matrix_norm(weight: Float[Tensor, "m n"]) -> float:
    """The largest singular value."""
    wide = weight.detach().double()
    gram = wide @ wide.T if len(wide) <= wide.shape[1] else wide.T @ wide
    return math.sqrt(max(0.0, float(torch.linalg.eigvalsh(gram)[-1])))


def convolution_norm(weight: Tensor, *, stride: Sequence[int], dilation: Sequence[int], groups: int) -> float:
    """An upper bound of the norm of a convolution with zero padding, for images of any size.

    The smaller of two bounds. √(‖W‖₁‖W‖∞) of the operator: the largest sum of absolute weights that enter an output
    value, and that leave an input value. And √n times the largest singular value of the weight as a matrix, where n is
    the largest number of outputs that an input value enters through different taps: the operator is this matrix after
    the one that copies each input value n times at most.

    Args:
        weight: (out channels, in channels of a group, *extents of the kernel).
        stride: stride along each axis.
        dilation: dilation along each axis.
        groups: number of groups of channels.
    """
    taps = _taps_of_one_input(weight.shape[2:], stride, dilation)
    copies = max(len(chosen) for chosen in taps)
    norms = []
    for group in weight.detach().double().chunk(groups):
        flat = group.flatten(2)  # (out, in, taps)
        entering = float(flat.abs().sum((1, 2)).max())
        leaving = max(float(flat[:, :, chosen].abs().sum((0, 2)).max()) for chosen in taps)
        norms.append(min(math.sqrt(entering * leaving), math.sqrt(copies) * matrix_norm(group.flatten(1))))
    return max(norms)  # the groups share neither inputs nor outputs


def _taps_of_one_input(extents: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> list[list[int]]:
    """The sets of taps, by their places in the flattened kernel, that an input value meets."""
    along_axes = [
        [[tap for tap in range(extent) if tap * spread % step == rest] for rest in range(step)]
        for extent, step, spread in zip(extents, stride, dilation, strict=True)
    ]
    places = torch.arange(math.prod(extents)).view(*extents)
    return [chosen for taps in product(*along_axes) if (chosen := [int(places[place]) for place in product(*taps)])]
