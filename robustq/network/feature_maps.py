"""Takes the feature maps out of a site's output, and puts other maps in their place."""

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from copy import copy
from dataclasses import dataclass
from math import prod
from typing import Any

import torch
from torch import Tensor

from robustq.errors import RequestError
from robustq.shapes import by

_PREFIXES = range(6)
"""Possible numbers of tokens before the tokens of the grid: none, one class token, or a few registers."""


@dataclass(frozen=True)
class Features:
    """The feature maps in a module's output.

    Attributes:
        maps: the feature maps, each (B, C, *T), in the order of the output, the bottleneck last.
        put: function that takes the same number of maps and gives the module's output with these maps in their place.
    """

    maps: list[Tensor]
    put: Callable[[Sequence[Tensor]], Any]


def open_features(output: object, size: Sequence[int]) -> Features | None:
    """The feature maps of a module's output; None where it has none.

    A feature map is a tensor (B, C, *T) with as many spatial axes as the image; or (B, *T, C), where only this order
    fits the image; or tokens (B, N, C) on the grid of a square patch, with or without prefix tokens. Of a mapping or
    sequence, all tensors with as many spatial axes among its entries are taken; if there are none, the feature maps of
    the first entry that has some. Maps without channels do not count; some encoders give them as placeholders.

    Args:
        output: output of a module.
        size: spatial size of the network's input.
    """
    if isinstance(output, Tensor):
        return _open_tensor(output, size)
    if isinstance(output, Mapping):
        keys = list(output)
        inner = _open_entries([output[key] for key in keys], size)
        if inner is None:
            return None
        return Features(inner.maps, lambda maps: _like_mapping(output, dict(zip(keys, inner.put(maps), strict=True))))
    if isinstance(output, Sequence) and not isinstance(output, str):
        opened = _open_entries(list(output), size)
        return opened and Features(opened.maps, lambda maps: _like(output, opened.put(maps)))
    return None


def require_features(output: object, size: Sequence[int], at: str) -> Features:
    """The feature maps of a site's output.

    Raises:
        RequestError: the output has no feature map.
    """
    opened = open_features(output, size)
    if opened is None:
        raise RequestError(
            f"site {at!r} gives {_describe(output)}, not a feature map (B, C, *T), tokens on a grid or a list of them: "
            "name another site with --at"
        )
    return opened


def _open_tensor(output: Tensor, size: Sequence[int]) -> Features | None:
    if not output.is_floating_point():  # for example the indices of a pool
        return None
    if output.ndim == len(size) + 2:
        if not output.shape[1]:
            return None
        if _has_channels_last(output.shape, size):
            return Features([output.movedim(-1, 1)], lambda maps: maps[0].movedim(1, -1))
        return Features([output], lambda maps: maps[0])
    if output.ndim != 3:
        return None
    grid = _grid(output.shape[1], size)
    if grid is None:
        return None
    prefix = output.shape[1] - prod(grid)
    before = output[:, :prefix]

    def put(maps: Sequence[Tensor]) -> Tensor:
        return torch.cat([before, maps[0].flatten(2).transpose(1, 2)], dim=1)

    return Features([output[:, prefix:].transpose(1, 2).unflatten(2, grid)], put)


def _has_channels_last(shape: Sequence[int], size: Sequence[int]) -> bool:
    """Whether a tensor is (B, *T, C), as in some transformers: its last axes do not fit the image, and the axes before
    the last are those of a square patch."""
    first, last = shape[1:-1], shape[2:]
    if 0 in shape or all(
        abs(extent - whole / max(1, round(whole / extent))) <= 1 for extent, whole in zip(last, size, strict=True)
    ):
        return False
    patch = size[0] / first[0]
    return patch >= 2 and all(abs(extent - whole / patch) <= 1 for extent, whole in zip(first, size, strict=True))


def _grid(count: int, size: Sequence[int]) -> tuple[int, ...] | None:
    """The grid of `count` tokens, for the size of square patch that leaves the fewest prefix tokens."""
    candidates = []
    for patch in range(2, max(size) + 1):
        grid = tuple(extent // patch for extent in size)
        if min(grid) > 0 and count - prod(grid) in _PREFIXES:
            candidates.append((count - prod(grid), patch, grid))
    return min(candidates)[2] if candidates and count > 1 else None


def _open_entries(entries: list[Any], size: Sequence[int]) -> Features | None:
    spatial = {
        place: opened
        for place, entry in enumerate(entries)
        if isinstance(entry, Tensor) and entry.ndim == len(size) + 2 and (opened := _open_tensor(entry, size))
    }
    if spatial:

        def put(maps: Sequence[Tensor]) -> list[Any]:
            changed = list(entries)
            for (place, opened), feature in zip(spatial.items(), maps, strict=True):
                changed[place] = opened.put([feature])
            return changed

        return Features([opened.maps[0] for opened in spatial.values()], put)
    for place, entry in enumerate(entries):
        opened = open_features(entry, size)
        if opened is not None:
            return Features(
                opened.maps,
                lambda maps, place=place, opened=opened: [*entries[:place], opened.put(maps), *entries[place + 1 :]],  # type: ignore[misc]
            )
    return None


def _like_mapping(output: Mapping[Any, Any], entries: dict[Any, Any]) -> Any:
    """A mapping of the same type with new entries, because a network may use its attributes; a dict where the mapping
    cannot be changed."""
    if not isinstance(output, MutableMapping):
        return entries
    changed = copy(output)
    for key, entry in entries.items():
        if entry is not output[key]:
            changed[key] = entry
    return changed


def _like(output: Sequence[Any], entries: list[Any]) -> Any:
    if hasattr(output, "_fields"):
        return type(output)(*entries)
    return entries if isinstance(output, list) else tuple(entries)


def _describe(output: object) -> str:
    if isinstance(output, Tensor):
        return f"a tensor of {by(output.shape)}"
    return f"a {type(output).__name__}"
