"""Finds and removes the hooks of a network that are methods of objects of one class."""

from collections.abc import Iterator
from typing import Any

from torch import nn


def has_bound_hooks(network: nn.Module, owner: type) -> bool:
    """Whether a module of the network has a hook that is a method of an `owner`."""
    return next(_bound_hooks(network, owner), None) is not None


def remove_bound_hooks(network: nn.Module, owner: type) -> None:
    """Remove from all modules of a network the hooks that are methods of an `owner`."""
    for hooks, key in list(_bound_hooks(network, owner)):
        del hooks[key]


def _bound_hooks(network: nn.Module, owner: type) -> Iterator[tuple[dict[int, Any], int]]:
    """The dictionary and the key of each such hook."""
    for module in network.modules():
        for hooks in (module._forward_hooks, module._forward_pre_hooks):
            yield from (
                (hooks, key) for key, hook in hooks.items() if isinstance(getattr(hook, "__self__", None), owner)
            )
