"""Looks at the tensors of a network and of its state dict: their dtypes, and whether the weights are finite."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

_STATISTICS = ("running_mean", "running_var")
"""Names of the buffers that batch normalisation learns."""


def main_dtype(network: nn.Module) -> torch.dtype | None:
    """The dtype of a network's first floating-point parameter, or else of its first such buffer; None without both."""
    for tensors in (network.parameters(), network.buffers()):
        for tensor in tensors:
            if tensor.is_floating_point():
                return tensor.dtype
    return None


def take_dtypes(network: nn.Module, state: Mapping[str, Any]) -> None:
    """Give every floating-point tensor of a network the dtype that it has in a state dict."""
    dtypes = {entry.dtype for entry in state.values() if isinstance(entry, Tensor) and entry.is_floating_point()}
    if len(dtypes) == 1 and main_dtype(network) not in dtypes:
        network.to(dtype=dtypes.pop())  # also the buffers that a state dict does not hold
    for module_name, module in network.named_modules(remove_duplicate=False):
        prefix = f"{module_name}." if module_name else ""
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                entry = state.get(prefix + name)
                if tensor is None or is_lazy(tensor):
                    continue
                if isinstance(entry, Tensor) and entry.is_floating_point() and tensor.is_floating_point():
                    tensor.data = tensor.data.to(entry.dtype)


def first_not_finite(network: nn.Module, state: Mapping[str, Any]) -> str | None:
    """The name of the first weight in a state dict that is NaN or infinite; None where all are finite.

    Weights are the parameters of the network, the statistics of its batch normalisation, and all that is inserted at
    the bottleneck. Other buffers, such as a mask of minus infinities, may hold what they like.
    """
    parameters = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    for name, entry in state.items():
        learned = name in parameters or name.endswith(_STATISTICS) or name.startswith("bottlenecks.")
        if learned and isinstance(entry, Tensor) and entry.is_floating_point() and not entry.isfinite().all():
            return name
    return None


def separate_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a state dict on the CPU, which shares nothing with it."""
    return {
        name: entry.detach().cpu().clone() if isinstance(entry, Tensor) else copy.deepcopy(entry)
        for name, entry in state.items()
    }
