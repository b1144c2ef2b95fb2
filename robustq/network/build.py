"""Builds a network of a registered architecture, and reads what the architecture declares."""

import inspect
import json
from collections.abc import Mapping
from types import NoneType
from typing import Any, get_args

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
    _check_kinds(name, inspect.signature(architecture), arguments)
    try:
        return architecture(dims=dims, in_channels=in_channels, classes=classes, **arguments)
    except TypeError as error:
        raise RequestError(f"architecture {name!r} was given a setting of the wrong type: {error}") from error


_KINDS: dict[type, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a word"),
}
"""Annotation of a setting -> the types of its values, and what they are in words."""


def _check_kinds(name: str, signature: inspect.Signature, arguments: Mapping[str, Any]) -> None:
    """Refuse settings of another type than the architecture declares."""
    parameters = signature.parameters
    for key, value in arguments.items():
        declared = parameters[key].annotation if key in parameters else None
        (kind, *others) = [part for part in get_args(declared) or (declared,) if part is not NoneType] or [None]
        if others or kind not in _KINDS or (value is None and NoneType in get_args(declared)):
            continue
        types, words = _KINDS[kind]
        if not isinstance(value, types) or (isinstance(value, bool) and kind is not bool):
            default = parameters[key].default
            example = f", such as {json.dumps(default)}" if isinstance(default, types) else ""
            written = value if isinstance(value, str) else json.dumps(value)
            raise RequestError(f"{name} was given {key}={written}, and {key} is {words}: give one{example}")


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


def require_2d(name: str, dims: int) -> None:
    """Refuse dims other than 2, for an architecture of a library that has no 3D networks.

    Args:
        name: registered name of the architecture.
        dims: what the caller asked for.

    Raises:
        RequestError: it is not 2.
    """
    if dims != 2:
        raise RequestError(f"{name} is 2D, not dims={dims}: give dims 2, which reads volumes slice by slice")
