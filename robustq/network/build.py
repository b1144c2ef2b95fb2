"""A network of a registered architecture."""

import inspect
from typing import Any

from torch import nn

from robustq import registry
from robustq.architecture import Architecture, DeclaresFirstWeights, DeclaresSite
from robustq.errors import RequestError


def build_architecture(name: str, *, dims: int, in_channels: int, classes: int, **arguments: Any) -> nn.Module:
    """A fresh network of a registered architecture.

    Raises:
        RequestError: the architecture, or one of its settings, does not exist.
    """
    architecture: Architecture = registry.load("architectures", name)
    if registry.mismatch(architecture, dims=dims, in_channels=in_channels, classes=classes, **arguments):
        known = sorted(set(inspect.signature(architecture).parameters) - {"dims", "in_channels", "classes"})
        raise RequestError(
            f"architecture {name!r} has a setting that it does not take ({', '.join(arguments)}): it takes "
            f"{', '.join(known) or 'none'}"
        )
    try:
        return architecture(dims=dims, in_channels=in_channels, classes=classes, **arguments)
    except TypeError as error:
        raise RequestError(f"architecture {name!r} has a setting of the wrong kind: {error}") from error


def declared_site(network: nn.Module, name: str | None) -> str | None:
    """Where a network is cut by its own word, or by that of the architecture it was built from; None if neither says.

    Args:
        network: any network.
        name: of its registered architecture, None where it was given by hand.
    """
    architecture = None if name is None else registry.load("architectures", name)
    for declaring in (network, architecture):
        # Somebody's network may have an attribute of this name that means something else.
        if isinstance(declaring, DeclaresSite) and isinstance(declaring.site, str):
            return declaring.site
    return None


def without_first_weights(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The settings of an architecture without those that only choose the weights that a fresh network starts from."""
    architecture = registry.load("architectures", name)
    omitted = architecture.first_weights if isinstance(architecture, DeclaresFirstWeights) else ()
    return {key: value for key, value in arguments.items() if key not in omitted}
