"""Builds a network with a function in a user's own file."""

import importlib.util
import sys
from pathlib import Path

from torch import nn

from robustq.errors import RequestError


def file_and_function(text: str) -> tuple[Path, str]:
    """The file and the function that `factory.py:function` names. Nothing is executed.

    Raises:
        RequestError: the text names no function in a file, or there is no such file.
    """
    path, colon, function = text.rpartition(":")
    file = Path(path)
    if not colon or not function.isidentifier() or file.suffix != ".py":
        raise RequestError(f"{text!r} does not name a function in a file: write factory.py:function")
    if not file.is_file():
        raise RequestError(f"there is no file {file}: correct the path before :{function}")
    return file, function


def network_from_file(text: str) -> nn.Module:
    """The network that `factory.py:function` returns when it is called without arguments.

    This executes the file, so it is done only for a file that the user names in this form.

    Raises:
        RequestError: there is no such file or function, it fails, or it does not return an nn.Module.
    """
    file, function = file_and_function(text)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None, "a .py file has a loader"
    assert spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    # The file can import other files of its folder, as if Python had been started with it.
    sys.path.insert(0, str(file.parent.resolve()))
    try:
        spec.loader.exec_module(module)
        build = getattr(module, function, None)
        if not callable(build):
            public = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
            raise RequestError(f"{file} has no function {function!r}: it has {', '.join(public) or 'none'}")
        network = build()
    except RequestError:
        raise
    except Exception as error:  # a user's own code may raise any error
        raise RequestError(f"{text} fails: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(file.parent.resolve()))
    if not isinstance(network, nn.Module):
        raise RequestError(f"{text} returned a value of type {type(network).__name__}: return an nn.Module")
    return network
