"""How many images a model gets in a pass, and in which memory format."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args

from robustq.errors import RequestError
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


class BatchSize(NamedTuple):
    """The batch size of a run.

    Attributes:
        asked: the number as it stands in the request file; `FASTEST` where a trial looks for it.
        largest: largest number of images, slices or windows in a pass.
    """

    asked: int | Literal["auto"]
    largest: int


def check_batch_size(asked: int | None) -> None:
    """Refuse a batch size below 1.

    Raises:
        RequestError: the number is below 1.
    """
    if asked is not None and asked < 1:
        raise RequestError(f"batch_size={asked} was asked: give 1 or more")


def run_batch_size(asked: int | None, begun: Mapping[str, Any], default: int) -> BatchSize:
    """The batch size of a run.

    Args:
        asked: the number that the user asked for.
        begun: what the run that began in the directory was asked; it keeps its number. Earlier versions made no trial
            and always wrote a number.
        default: largest number that a trial looks at.
    """
    number = asked or begun.get("batch_size", FASTEST)
    return BatchSize(number, default if number == FASTEST else number)


def fastest(
    seconds: Callable[[Batching], float], largest: int, most: int, *, cut_short: bool = False
) -> Batching | None:
    """The fastest way, found with few passes; None if the passes do not suffice to find it.

    The batch is doubled as long as that saves time. The better memory format of the two smallest batches is kept for
    the larger ones.

    Args:
        seconds: seconds for an image; infinite for a way in which the model does not run.
        largest: largest number of images in a pass.
        most: number of images that may be passed in all.
        cut_short: whether the fastest of the ways that were tried is taken where the passes end. On a processor a
            larger batch saves little and can cost much; on a GPU it saves most of the time.
    """
    formats: Sequence[MemoryFormat] = get_args(MemoryFormat)
    if most < PASSES * len(formats) * (1 if cut_short else 1 + 2):
        return None
    times: dict[Batching, float] = {}
    size, quickest = 1, None
    while True:
        ways = [Batching(size, memory_format) for memory_format in formats]
        if PASSES * sum(way.batch_size for way in [*times, *ways]) > most:
            return quickest if cut_short else None
        times.update((way, seconds(way)) for way in ways)
        before, quickest = quickest, _quickest(times)
        if math.isinf(times[quickest]):
            return None
        if size == largest or (before is not None and quickest.batch_size < size):
            return quickest
        formats = formats if before is None else [quickest.memory_format]
        size = min(largest, 2 * size)


def _quickest(times: Mapping[Batching, float]) -> Batching:
    """The first way that no later one beats by more than the margin."""
    quickest, *others = times
    for way in others:
        quickest = way if times[way] < (1 - MARGIN) * times[quickest] else quickest
    return quickest
