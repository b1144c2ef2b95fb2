"""Running a network so that it is afterwards as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.shapes import by


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards each of its modules trains again that did before."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


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
