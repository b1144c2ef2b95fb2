"""Computes a digest of the code of a network given by hand, to notice when the network changes."""

import ast
import inspect
import re
from hashlib import sha256
from textwrap import dedent
from types import FunctionType

from torch import nn


def code_digest(network: nn.Module) -> str:
    """Sixteen hexadecimal digits that change when the network's modules, their printed form or their methods change.

    The digest ignores weights, comments and the code of installed libraries, so that an update of torch does not change
    it. It also ignores other functions that the methods call. The docstring of a method is part of its code here.
    """
    printed = re.sub(r" at 0x[0-9a-f]+", "", repr(network))  # without memory addresses
    digest = sha256(printed.encode())
    classes = {owner for module in network.modules() for owner in type(module).__mro__}
    for owner in sorted(classes, key=lambda owner: (owner.__module__, owner.__qualname__)):
        for method in vars(owner).values():
            if isinstance(method, FunctionType) and not _installed(method):
                digest.update(_code(method).encode())
    return digest.hexdigest()[:16]


def _installed(method: FunctionType) -> bool:
    return "site-packages" in method.__code__.co_filename or "dist-packages" in method.__code__.co_filename


def _code(method: FunctionType) -> str:
    """The source of a method without comments and layout; its name alone where the source cannot be read."""
    try:
        return ast.unparse(ast.parse(dedent(inspect.getsource(method))))
    except (OSError, TypeError, SyntaxError):
        return method.__qualname__
