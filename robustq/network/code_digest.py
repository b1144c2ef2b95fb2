"""What a network given by hand computes, as far as its code tells."""

import ast
import inspect
import re
from hashlib import sha256
from textwrap import dedent
from types import FunctionType

from torch import nn


def code_digest(network: nn.Module) -> str:
    """Sixteen hexadecimal digits that change when the network's modules, what they print, or their methods do.

    Neither weights nor comments play a part, nor does the code of installed libraries, so that an update of torch
    changes nothing. Functions that the methods call are not looked into.
    """
    printed = re.sub(r" at 0x[0-9a-f]+", "", repr(network))  # where in memory something lies
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
    """Without comments and layout; the name alone of what was typed into an interpreter."""
    try:
        return ast.unparse(ast.parse(dedent(inspect.getsource(method))))
    except (OSError, TypeError, SyntaxError):
        return method.__qualname__
