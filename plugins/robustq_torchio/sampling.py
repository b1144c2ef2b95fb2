"""Samples volumes between their voxels by ITK's rules, on the device where they are."""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from robustq.dataset import own_range
from robustq.draws.intensity import in_shares
from robustq.shapes import Image, Masks

Positions = Callable[[int, int], list[Tensor]]
"""The places, in voxels, where the result's planes from a first to before a last one are taken from: float64 numbers
for each of the three axes, which broadcast against the planes."""

_AT_ONCE = 2**17
"""Voxels that are sampled together: they fit the processor's cache, and a large volume needs no large grid."""


def as_volume(tensor: Tensor) -> Tensor:
    """The tensor as a volume: an image (C, H, W) becomes one slice, (C, H, W, 1)."""
    return tensor.unsqueeze(-1) if tensor.ndim == 3 else tensor


def linear(volume: Float[Tensor, "c x y z"], positions: Positions) -> Float[Tensor, "c x y z"]:
    """The volume at other places, interpolated linearly in float32. Outside of it is each channel's minimum.

    A place belongs to the volume up to half a voxel beyond the centres of its outermost voxels.
    """
    values = volume.float().flatten(1)
    lowest = values.amin(1)
    # Beyond the last voxel along an axis follow values that get no weight.
    values = F.pad(values, (0, sum(_steps(volume))))
    result = torch.empty_like(volume, dtype=torch.float32)
    for planes, places, inside in _slabs(volume, positions):
        first, fractions = _corner(volume, places)
        for channel, low, target in zip(values, lowest, result[:, planes], strict=True):
            torch.where(inside, _between(channel, first, fractions, _steps(volume)), low, out=target)
    return result


def nearest(masks: Bool[Tensor, "l x y z"], positions: Positions) -> Bool[Tensor, "l x y z"]:
    """The masks at other places: the value of the nearest voxel, and background outside."""
    values = masks.flatten(1)
    result = torch.empty_like(masks)
    for planes, places, inside in _slabs(masks, positions):
        index = torch.zeros_like(inside, dtype=torch.long)
        for place, extent, step in zip(places, masks.shape[1:], _steps(masks), strict=True):
            index += (place + 0.5).floor().clamp(0, extent - 1).long() * step
        result[:, planes] = values[:, index] & inside
    return result


def moved_image(image: Image, positions: Positions) -> Image:
    """The image at other places. Pixels from outside the image get the channel's minimum."""
    return in_shares(image, own_range(image), lambda shares: linear(as_volume(shares), positions).view(shares.shape))


def moved_masks(masks: Masks, positions: Positions) -> Masks:
    """The masks at other places. Pixels from outside are background."""
    return nearest(as_volume(masks), positions).view(masks.shape)


def affine_positions(matrix: Float[Tensor, "3 3"], shift: Float[Tensor, "3"], volume: Tensor) -> Positions:
    """The places matrix · r + shift for every voxel r of a volume (C, X, Y, Z), on its device."""
    planes, rows, columns = (
        torch.arange(extent, dtype=torch.float64, device=volume.device) for extent in volume.shape[1:]
    )
    factors, constants = matrix.tolist(), shift.tolist()

    def positions(first: int, last: int) -> list[Tensor]:
        return [
            (x * planes[first:last])[:, None, None] + ((y * rows)[:, None] + (z * columns + constant))
            for (x, y, z), constant in zip(factors, constants, strict=True)
        ]

    return positions


def rotation(degrees: Float[Tensor, "3"]) -> Float[Tensor, "3 3"]:
    """The turn about the second axis, then the first, then the third, as ITK's Euler angles."""
    (cx, cy, cz), (sx, sy, sz) = degrees.deg2rad().cos().tolist(), degrees.deg2rad().sin().tolist()
    first = torch.tensor([[1, 0, 0], [0, cx, -sx], [0, sx, cx]], dtype=torch.float64)
    second = torch.tensor([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]], dtype=torch.float64)
    third = torch.tensor([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]], dtype=torch.float64)
    return third @ first @ second


def _slabs(volume: Tensor, positions: Positions) -> Iterator[tuple[slice, list[Tensor], Tensor]]:
    """Some planes of the result at a time, with their places and which of these are inside the volume."""
    extents = volume.shape[1:]
    height = max(1, _AT_ONCE // (extents[1] * extents[2]))
    for start in range(0, extents[0], height):
        stop = min(start + height, extents[0])
        shape = (stop - start, *extents[1:])
        places = [place.expand(shape) for place in positions(start, stop)]
        inside = torch.ones(shape, dtype=torch.bool, device=volume.device)
        for place, extent in zip(places, extents, strict=True):
            inside &= (place >= -0.5) & (place < extent - 0.5)
        yield slice(start, stop), places, inside


def _steps(volume: Tensor) -> tuple[int, int, int]:
    """How far apart neighbours along each axis are in a flattened channel."""
    return volume.shape[2] * volume.shape[3], volume.shape[3], 1


def _corner(volume: Tensor, places: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """For each place the number of the first of the eight voxels about it, and how far along each axis it lies."""
    index = torch.zeros_like(places[0], memory_format=torch.contiguous_format)
    fractions = []
    for place, extent, step in zip(places, volume.shape[1:], _steps(volume), strict=True):
        within = place.clamp(0, extent - 1)
        before = within.floor()
        index.add_(before, alpha=step)
        fractions.append(within.sub_(before).float())
    return index.view(-1).long(), fractions


def _between(channel: Tensor, first: Tensor, fractions: list[Tensor], steps: tuple[int, int, int]) -> Tensor:
    """The values between the eight voxels about each place."""
    x, y, z = fractions

    def at(step: int) -> Tensor:
        return channel[step:].index_select(0, first).view(x.shape)

    def plane(step: int) -> Tensor:
        row = at(step + steps[1]).lerp_(at(step + steps[1] + steps[2]), z)
        return at(step).lerp_(at(step + steps[2]), z).lerp_(row, y)

    return plane(0).lerp_(plane(steps[0]), x)
