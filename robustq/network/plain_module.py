"""Makes of a network given by hand one that can be cut: a module without what torch.compile puts around modules."""

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from robustq.errors import RequestError
from robustq.network.separate_copy import separate_copy

COMPILED = "_orig_mod"
"""The name under which torch.compile keeps the module inside."""


def plain_copy(network: nn.Module, *, share: bool = False) -> nn.Module:
    """A copy of a network without compiled modules, because a compiled module does not run the hooks inside it.

    Args:
        network: a network, which does not change.
        share: as in `separate_copy`.

    Raises:
        RequestError: the network cannot be copied or cut.
    """
    network = _inside(network)
    _check(network)
    copied = separate_copy(network, {}, share=share)
    for module in list(copied.modules()):
        for name, child in module._modules.items():
            if child is not None and not isinstance(module, torch.jit.ScriptModule):
                module._modules[name] = _inside(child)
    return copied


def plain_itself(network: nn.Module) -> nn.Module:
    """The network itself, or the module inside a compiled network. It does not change.

    Raises:
        RequestError: the network cannot be cut.
    """
    network = _inside(network)
    _check(network)
    if any(vars(module).get("_compiled_call_impl") or COMPILED in module._modules for module in network.modules()):
        raise RequestError(
            "modules of the network are compiled, and a compiled module does not run the hooks inside it: wrap the "
            "network before it is compiled, or leave out copy=False"
        )
    return network


def require_values(network: nn.Module) -> None:
    """Refuse a network with lazy layers that have not seen an image yet.

    Raises:
        RequestError: a parameter has no values.
    """
    lazy = next((name for name, tensor in network.named_parameters() if is_lazy(tensor)), None)
    if lazy is not None:
        raise RequestError(
            f"{lazy} of the network has no values yet, as in a lazy layer before its first pass: run the network on an "
            "image, then give it"
        )


def plain_name(name: str) -> str:
    """The dotted name that a module or tensor of a compiled network has in `plain_copy`."""
    return ".".join(part for part in name.split(".") if part != COMPILED)


def _inside(network: nn.Module) -> nn.Module:
    children = dict(network.named_children())
    return _inside(children[COMPILED]) if COMPILED in children else network


def _check(network: nn.Module) -> None:
    if isinstance(network, torch.jit.ScriptModule):
        raise RequestError(
            "the network is TorchScript, whose modules run outside Python, so it cannot be cut: give the module that "
            "was scripted or traced"
        )
