"""Which images a network takes."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from robustq.answer import full_resolution
from robustq.bottleneck import features_at
from robustq.errors import RequestError
from robustq.plain import run_plain

_EXTENTS = {2: (64, 128, 224, 256, 512), 3: (32, 64, 96, 128)}
"""Sizes that are tried on a named architecture: a deep one needs more than one token at its bottleneck."""

_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)


def accepted_images(network: nn.Module, *, in_channels: int, dims: int) -> Iterator[Tensor]:
    """Images of zeros that the network runs on, (1, in_channels, *S), from small to large.

    Raises:
        RequestError: it runs on none of the sizes tried.
    """
    refusal: RequestError | None = None
    found = False
    for extent in _EXTENTS[dims]:
        example = torch.zeros(1, in_channels, *[extent] * dims)
        try:
            run_plain(network, example)
        except RequestError as error:
            refusal = error
            continue
        found = True
        yield example
    if not found and refusal is not None:
        raise refusal


def probe(network: nn.Module, site: str | None, *, in_channels: int, dims: int) -> Tensor:
    """The smallest image of zeros on which the network has more than one token at its site.

    Args:
        network: of a named architecture.
        site: where it is cut, or None where that is to be found: then the second size that the network takes, on which
            six scales still leave more than one token; or the only one.

    Raises:
        RequestError: there is no such image among the sizes tried.
    """
    last: Tensor | None = None
    for example in accepted_images(network, in_channels=in_channels, dims=dims):
        if last is not None and site is None:
            return example
        if site is not None and min(features_at(network, site, example)[-1].shape[2:]) > 1:
            return example
        last = example
    assert last is not None, "it would have been refused"
    if site is not None:
        raise RequestError(f"site {site!r} has one token only, even of images of {last.shape[-1]} voxels")
    return last


def find_multiple(network: nn.Module, example: Tensor) -> int:
    """The smallest m such that the network takes extents that are odd multiples of m, and answers at their size.

    1 where it takes any size; also where it takes the example's size alone, for then no padding helps.
    """
    extent = max(example.shape[2:])
    for multiple in _MULTIPLES:
        steps = extent // multiple
        odd = steps + 1 - steps % 2
        images = torch.zeros(*example.shape[:2], *[odd * multiple] * (example.ndim - 2))
        try:
            full_resolution(run_plain(network, images), images.shape[2:])
        except RequestError:
            continue
        return multiple
    return 1
