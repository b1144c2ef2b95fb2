"""Finds an image that a network given by hand runs on, where not everything about its images is said."""

from collections.abc import Callable

from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.network.first_convolution import first_convolution
from robustq.network.image_sizes import example_of
from robustq.network.plain_module import require_values
from robustq.shapes import by

_USUAL = (1, 3)
"""Numbers of channels that are tried where neither the user nor the network says one: grey and RGB."""


def find_example(
    network: nn.Module, extents: Callable[[int], tuple[int, ...]], *, dims: int | None, in_channels: int | None
) -> Tensor:
    """An image of zeros that a network runs on, (1, in_channels, *S).

    The first convolution of the network shows the dimensions and the channels of its images, where they are not given.
    If the network does not run on images with so many channels, grey and RGB images are tried.

    Args:
        network: any network.
        extents: function from the number of spatial axes to the size of the image, which `example_of` rounds up.
        dims: number of spatial axes; None where it is not known.
        in_channels: number of channels; None where it is not known.

    Raises:
        RequestError: the network runs on no image that was tried.
    """
    require_values(network)
    shown_dims, shown_channels = first_convolution(network)
    dims = dims or shown_dims or 2
    size = extents(dims)
    if len(size) != dims:
        raise RequestError(f"the network takes {dims}D images, and the size {by(size)} was given: give {dims} numbers")
    if in_channels is not None:
        return example_of(network, size, in_channels=in_channels)
    refusals = []
    tried = dict.fromkeys(filter(None, (shown_channels, *_USUAL)))
    for channels in tried:
        try:
            return example_of(network, size, in_channels=channels)
        except RequestError as error:
            refusals.append(error)
    raise RequestError(
        f"which images the network takes is not known, and it runs on none of {' or '.join(map(str, tried))} channels "
        f"in {dims}D ({refusals[0]}): give --dims, --in-channels and --size"
    ) from refusals[0]
