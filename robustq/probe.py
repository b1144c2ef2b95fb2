"""Which images a network takes."""

import torch
from torch import Tensor, nn

from robustq.answer import full_resolution
from robustq.bottleneck import features_at
from robustq.errors import RequestError
from robustq.plain import run_plain

_EXTENTS = {2: (64, 128, 224, 256, 512), 3: (32, 64, 96, 128)}
"""Sizes that are tried on a named architecture: a deep one needs more than one token at its bottleneck."""

_MULTIPLES = (1, 2, 4, 8, 16, 32, 64)


def probe(network: nn.Module, site: str | None, *, in_channels: int, dims: int) -> Tensor:
    """The smallest image of zeros that the network runs on with more than one token at its site.

    Args:
        network: of a named architecture.
        site: where it is cut, or None where that is to be found.

    Raises:
        RequestError: it runs on none of the sizes tried.
    """
    refusal: RequestError | None = None
    runs: list[Tensor] = []
    for extent in _EXTENTS[dims]:
        example = torch.zeros(1, in_channels, *[extent] * dims)
        try:
            if site is None:
                run_plain(network, example)
                runs.append(example)
            elif min(features_at(network, site, example)[-1].shape[2:]) > 1:
                return example
        except RequestError as error:
            if "does not run" not in str(error):
                raise
            refusal = error
        # Six scales or fewer leave more than one token of the second size on.
        if runs and extent >= _EXTENTS[dims][1]:
            return runs[-1]
    if runs:
        return runs[-1]
    raise refusal or RequestError(f"site {site!r} has one token only, even of images of {_EXTENTS[dims][-1]} voxels")


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
