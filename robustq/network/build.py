"""Builds a network of a registered architecture, and reads what the architecture declares."""

import inspect
from typing import Any

from torch import nn

from robustq import registry
from robustq.architecture import Architecture, DeclaresFirstWeights, DeclaresSite
from robustq.errors import RequestError


def build_architecture(name: str, *, dims: int, in_channels: int, classes: int, **arguments: Any) -> nn.Module:
    """A fresh network of a registered architecture.

    Raises:
        RequestError: the architecture or one of its settings does not exist, or a setting has the wrong type.
    """
    architecture: Architecture = registry.load("architectures", name)
    if registry.mismatch(architecture, dims=dims, in_channels=in_channels, classes=classes, **arguments):
        accepted = sorted(set(inspect.signature(architecture).parameters) - {"dims", "in_channels", "classes"})
        raise RequestError(
            f"architecture {name!r} does not take all of these settings ({', '.join(arguments)}): it takes "
            f"{', '.join(accepted) or 'none'}"
        )
    try:
        return architecture(dims=dims, in_channels=in_channels, classes=classes, **arguments)
    except TypeError as error:
        raise RequestError(f"architecture {name!r} was given a setting of the wrong type: {error}") from error


def declared_site(network: nn.Module, name: str | None) -> str | None:
    """The site that a network declares, else the site that its architecture declares; None if neither declares one.

    Args:
        network: any network.
        name: name of its registered architecture; None for a network given by hand.
    """
    architecture = None if name is None else registry.load("architectures", name)
    for declaring in (network, architecture):
        # A network that is not ours may have an attribute `site` with another meaning.
        if isinstance(declaring, DeclaresSite) and isinstance(declaring.site, str):
            return declaring.site
    return None


def without_first_weights(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The settings of an architecture, without the settings that only choose the weights of a fresh network."""
    architecture = registry.load("architectures", name)
    omitted = architecture.first_weights if isinstance(architecture, DeclaresFirstWeights) else ()
    return {key: value for key, value in arguments.items() if key not in omitted}
