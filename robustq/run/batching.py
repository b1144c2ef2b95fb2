"""How many images a model gets in a pass, and in which memory format."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, get_args

from robustq.model.segmenter import MemoryFormat

MARGIN = 0.03
"""A larger batch, or channels last, is taken only if it saves more than this share of the time."""

PASSES = 2
"""Passes that time one way; the shorter one counts, because the first prepares and another program may disturb one."""


FASTEST: Final = "auto"
"""Stands in the request for the batch size where a trial looks for it."""


@dataclass(frozen=True)
class Batching:
    """One way to show images to a model.

    Attributes:
        batch_size: number of images, of slices or of windows in a pass.
        memory_format: how the weights are stored; the images of all layers follow it.
    """

    batch_size: int
    memory_format: MemoryFormat = "contiguous"

    def __str__(self) -> str:
        """`4 images a pass, channels last`."""
        images = "1 image" if self.batch_size == 1 else f"{self.batch_size} images"
        return f"{images} a pass, {self.memory_format.replace('_', ' ')}"


def batch_size_asked(asked: int | None, begun: Mapping[str, Any]) -> int | Literal["auto"]:
    """The batch size of a run, or `FASTEST`.

    Args:
        asked: the number that the user asked for.
        begun: what the run that began in the directory was asked; it keeps its number. Earlier versions made no trial
            and always wrote a number.
    """
    return asked or begun.get("batch_size", FASTEST)


def fastest(seconds: Callable[[Batching], float], largest: int, most: int) -> Batching | None:
    """The fastest way, found with few passes; None if the passes do not suffice to find it.

    The batch is doubled as long as that saves time. The better memory format of the two smallest batches is kept for
    the larger ones.

    Args:
        seconds: seconds for an image; infinite for a way in which the model does not run.
        largest: largest number of images in a pass.
        most: number of images that may be passed in all.
    """
    formats: Sequence[MemoryFormat] = get_args(MemoryFormat)
    times: dict[Batching, float] = {}

    def best(ways: Sequence[Batching]) -> Batching:
        simplest = ways[0]
        for way in ways[1:]:
            simplest = way if times[way] < (1 - MARGIN) * times[simplest] else simplest
        return simplest

    for size, before in _sizes(largest):
        ways = [Batching(size, memory_format) for memory_format in formats]
        if sum(PASSES * way.batch_size for way in [*times, *ways]) > most:
            return None
        times.update((way, seconds(way)) for way in ways)
        if before and best([*_of(times, before), *ways]).batch_size == before:
            break
        if before:
            formats = [best(ways).memory_format]
    found = best(list(times))
    return None if math.isinf(times[found]) else found


def _sizes(largest: int) -> Iterator[tuple[int, int]]:
    """1, 2, 4, ... up to the largest, each with the size before it; 0 before the first."""
    sizes = [0]
    while sizes[-1] < largest:
        sizes.append(min(largest, max(1, 2 * sizes[-1])))
    yield from ((size, before) for before, size in pairwise(sizes))


def _of(times: dict[Batching, float], batch_size: int) -> list[Batching]:
    return [way for way in times if way.batch_size == batch_size]
