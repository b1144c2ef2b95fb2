"""Which images a network takes."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.network.named_site import features_at
from robustq.network.output_masks import full_resolution
from robustq.network.run_network import run_plain
from robustq.shapes import by

_EXTENTS = {2: (64, 128, 224, 256, 512), 3: (32, 64, 96, 128)}
"""Sizes that are tried on a named architecture: a deep one needs more than one token at its bottleneck."""

_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)


def accepted_images(
    network: nn.Module, *, in_channels: int, dims: int, size: tuple[int, ...] | None = None
) -> Iterator[Tensor]:
    """Images of zeros that the network runs on, (1, in_channels, *S), from small to large.

    Args:
        network: of a named architecture.
        in_channels: of the images.
        dims: spatial axes.
        size: of the images it is meant for, which is tried where nothing else goes: some networks take one size alone.

    Raises:
        RequestError: it runs on none of the sizes tried.
    """
    taken = False
    for extent in _EXTENTS[dims]:
        example = torch.zeros(1, in_channels, *[extent] * dims)
        try:
            run_plain(network, example)
        except RequestError:
            continue
        taken = True
        yield example
    if taken:
        return
    example = torch.zeros(1, in_channels, *(size or (_EXTENTS[dims][0],) * dims))
    try:
        run_plain(network, example)
    except RequestError as error:
        raise RequestError(
            f"{error}; nor does it with extents of {', '.join(map(str, _EXTENTS[dims]))}: where a network takes one "
            "size alone, say it both as --size and as its setting, such as --size 96x96 --set img_size=96"
        ) from error
    yield example


def probe(
    network: nn.Module, site: str | None, *, in_channels: int, dims: int, size: tuple[int, ...] | None = None
) -> Tensor:
    """The smallest image of zeros on which the network has more than one token at its site.

    Args:
        network: of a named architecture.
        site: where it is cut, or None where that is to be found: then the second size that the network takes, on which
            six scales still leave more than one token; or the only one.
        in_channels: of the images.
        dims: spatial axes.
        size: as in `accepted_images`.

    Raises:
        RequestError: there is no such image among the sizes tried.
    """
    last: Tensor | None = None
    for example in accepted_images(network, in_channels=in_channels, dims=dims, size=size):
        if last is not None and site is None:
            return example
        if site is not None and min(features_at(network, site, example)[-1].shape[2:]) > 1:
            return example
        last = example
    assert last is not None, "it would have been refused"
    if site is not None:
        raise RequestError(f"site {site!r} has one token only, even of images of {by(last.shape[2:])} voxels")
    return last


def example_of(network: nn.Module, size: Sequence[int], *, in_channels: int) -> Tensor:
    """An image of zeros, (1, in_channels, *S), of that size; or larger, by the least multiple that the network takes.

    Raises:
        RequestError: it runs on none of them.
    """
    refusal: RequestError | None = None
    for multiple in _MULTIPLES:
        example = torch.zeros(1, in_channels, *(-(-extent // multiple) * multiple for extent in size))
        try:
            run_plain(network, example)
        except RequestError as error:
            refusal = refusal or error
            continue
        return example
    assert refusal is not None, "else one was returned"
    raise refusal


def find_multiple(network: nn.Module, example: Tensor) -> int:
    """The smallest m such that the network takes extents that are odd multiples of m, and answers at their size.

    1 where it takes any size; also where it takes the example's size alone, for then no padding helps.
    """
    extent = max(example.shape[2:])
    for multiple in _MULTIPLES:
        steps = extent // multiple
        odd = steps + 1 - steps % 2
        images = example.new_zeros(*example.shape[:2], *[odd * multiple] * (example.ndim - 2))
        try:
            full_resolution(run_plain(network, images), images.shape[2:])
        except RequestError:
            continue
        return multiple
    return 1
