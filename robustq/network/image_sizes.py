"""Finds the image sizes that a network takes."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.network.named_site import features_at
from robustq.network.output_masks import full_resolution
from robustq.network.run_network import run_plain
from robustq.shapes import by

_EXTENTS = {2: (64, 128, 224, 256, 512), 3: (32, 64, 96, 128)}
"""Extents that are tried on a named architecture. They grow, because a deep network must have more than one token at
its bottleneck."""

_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)


def accepted_images(
    network: nn.Module, *, in_channels: int, dims: int, size: tuple[int, ...] | None = None
) -> Iterator[Tensor]:
    """Images of zeros that the network runs on, (1, in_channels, *S), from small to large.

    Args:
        network: a network of a named architecture.
        in_channels: number of channels of the images.
        dims: number of spatial axes.
        size: size of the images that the network is meant for. It is tried if no other size works, because some
            networks take only one size.

    Raises:
        RequestError: the network runs on none of the sizes tried.
    """
    any_accepted = False
    for extent in _EXTENTS[dims]:
        example = torch.zeros(1, in_channels, *[extent] * dims)
        try:
            run_plain(network, example)
        except RequestError:
            continue
        any_accepted = True
        yield example
    if any_accepted:
        return
    example = torch.zeros(1, in_channels, *(size or (_EXTENTS[dims][0],) * dims))
    try:
        run_plain(network, example)
    except RequestError as error:
        raise RequestError(
            f"{error}; it does not run with extents of {', '.join(map(str, _EXTENTS[dims]))} either: if the network "
            "takes only one size, give it both as --size and as a setting, such as --size 96x96 --set img_size=96"
        ) from error
    yield example


def probe(
    network: nn.Module, site: str | None, *, in_channels: int, dims: int, size: tuple[int, ...] | None = None
) -> Tensor:
    """The smallest image of zeros on which the network has more than one token at its site.

    Args:
        network: a network of a named architecture.
        site: where the network is cut. None where the site is not known yet: then the result has the second size that
            the network takes, on which six scales still leave more than one token; or the only size it takes.
        in_channels: number of channels of the images.
        dims: number of spatial axes.
        size: as in `accepted_images`.

    Raises:
        RequestError: no image of the sizes tried is accepted and has more than one token at the site.
    """
    last: Tensor | None = None
    for example in accepted_images(network, in_channels=in_channels, dims=dims, size=size):
        if last is not None and site is None:
            return example
        if site is not None and min(features_at(network, site, example)[-1].shape[2:]) > 1:
            return example
        last = example
    assert last is not None, "accepted_images gives an image or raises an error"
    if site is not None:
        raise RequestError(
            f"site {site!r} has only one token, even for images of {by(last.shape[2:])} voxels: name another with --at"
        )
    return last


def example_of(network: nn.Module, size: Sequence[int], *, in_channels: int) -> Tensor:
    """An image of zeros, (1, in_channels, *S), with the given size. If the network does not run on it, the extents are
    rounded up to the smallest multiple that the network takes.

    Raises:
        RequestError: the network runs on none of these images.
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
    assert refusal is not None, "the loop returned an image or stored an error"
    raise refusal


def find_multiple(network: nn.Module, example: Tensor, head: int | str | None = None) -> int:
    """The smallest m such that the network takes extents that are odd multiples of m, and gives output of that size.

    It is 1 if the network takes any size. It is also 1 if the network takes only the example's size, because then
    padding does not help.

    Args:
        network: any network.
        example: an input that it runs on.
        head: as in `full_resolution`.
    """
    extent = max(example.shape[2:])
    for multiple in _MULTIPLES:
        steps = extent // multiple
        odd = steps + 1 - steps % 2
        images = example.new_zeros(*example.shape[:2], *[odd * multiple] * (example.ndim - 2))
        try:
            full_resolution(run_plain(network, images), images.shape[2:], head)
        except RequestError:
            continue
        return multiple
    return 1
