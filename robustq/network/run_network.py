"""One pass of a network that is not ours, to look at it."""

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.evaluation_mode import evaluation_mode
from robustq.shapes import by


@torch.no_grad()
def run_plain(network: nn.Module, images: Tensor) -> object:
    """What the network returns in evaluation mode; afterwards each of its modules is in the mode it was in.

    Raises:
        RequestError: it does not run on images of this shape.
    """
    try:
        with evaluation_mode(network):
            output: object = network(images)
    except RequestError:  # a ValueError too, and in words already
        raise
    except (RuntimeError, ValueError, AssertionError, TypeError, IndexError) as error:
        raise RequestError(f"the network does not run on an input of {by(images.shape)}: {error}") from error
    return output
