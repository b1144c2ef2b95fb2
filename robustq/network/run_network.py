"""Runs a network in evaluation mode and restores its modes afterwards."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.network.state import main_dtype
from robustq.shapes import by


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put the model in evaluation mode; afterwards each of its modules that was in training mode is so again."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def own_copy(value: Any) -> Any:
    """A copy of a tensor, so that a network can change it in place; any other value itself.

    The copy has the strides of the tensor, and gradients pass through it.
    """
    return value.clone() if isinstance(value, Tensor) else value


def does_not_run(shape: Iterable[int], error: Exception) -> RequestError:
    """The refusal of an input on which a network raises an error."""
    words = " ".join(str(error).split())
    if not isinstance(error, RuntimeError | ValueError):
        words = f"{type(error).__name__} {words}".rstrip()
    return RequestError(f"the network does not run on an input of {by(shape)}: {words}")


@torch.no_grad()
def run_plain(network: nn.Module, images: Tensor) -> object:
    """The output of the network in evaluation mode; afterwards each of its modules has its former mode.

    The network gets its own copy of the images, in its own dtype, so that it cannot change them.

    Raises:
        RequestError: the network does not run on images of this shape.
    """
    try:
        with evaluation_mode(network):
            output: object = network(own_copy(images).to(main_dtype(network) or images.dtype))
    except RequestError:  # it is also a ValueError, but its message needs no change
        raise
    except Exception as error:  # a network given by hand may raise any error
        raise does_not_run(images.shape, error) from error
    return output
