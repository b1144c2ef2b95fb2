"""Copies a network, so that the copy can be used without changing the network."""

import copy
from collections.abc import Iterator
from typing import Any, TypeVar

from torch import Tensor, nn

from robustq.errors import RequestError

Network = TypeVar("Network", bound=nn.Module)


def separate_copy(network: Network, copies: dict[int, Any]) -> Network:
    """A copy of a network that shares no tensor with it. The gradients of its weights are not copied.

    Args:
        network: a network, which does not change.
        copies: id of an object -> its copy, for all objects copied so far; empty at first. Two networks that share
            weights and are copied with the same `copies` get copies that share weights. A network that is copied twice
            gets one copy.

    Raises:
        RequestError: the network cannot be copied.
    """
    # PyTorch refuses to copy a tensor with a graph. Some networks keep such tensors after a pass, as weight_norm does.
    for module in network.modules():
        for tensor in _tensors(vars(module)):
            if not tensor.is_leaf:
                copies.setdefault(id(tensor), tensor.detach().clone())
    try:
        return copy.deepcopy(network, copies)
    except (RuntimeError, TypeError) as error:
        raise RequestError(
            f"the network cannot be copied, and robustq does not change it in place ({error}): save it and give the "
            "file, or remove from the network what cannot be copied"
        ) from error


def _tensors(value: object) -> Iterator[Tensor]:
    """The tensors in a value, and in its lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from (tensor for entry in value.values() for tensor in _tensors(entry))
    elif isinstance(value, list | tuple):
        yield from (tensor for entry in value for tensor in _tensors(entry))
