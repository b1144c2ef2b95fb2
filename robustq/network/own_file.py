"""A network from a user's own file."""

import importlib.util
import sys
from pathlib import Path

from torch import nn

from robustq.errors import RequestError


def network_from_file(text: str) -> nn.Module:
    """Call `factory.py:function` without arguments. This executes the file: it is done only where a user names it so.

    Raises:
        RequestError: there is no such file or function, it fails, or it returns no nn.Module.
    """
    path, colon, function = text.rpartition(":")
    file = Path(path)
    if not colon or not function.isidentifier() or file.suffix != ".py":
        raise RequestError(f"{text!r} names no function of a file: write factory.py:function")
    if not file.is_file():
        raise RequestError(f"no file {file}: mend the path before :{function}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None, "a .py file has a loader"
    assert spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    # Its neighbours are imported as if Python had been started on it.
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
    except Exception as error:  # whatever a user's own code raises
        raise RequestError(f"{text} fails: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(file.parent.resolve()))
    if not isinstance(network, nn.Module):
        raise RequestError(f"{text} returned a {type(network).__name__}: return an nn.Module")
    return network
