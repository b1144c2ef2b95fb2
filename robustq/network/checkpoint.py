"""Reads a plain checkpoint of tensors without running any code in it."""

import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from robustq.errors import RequestError

NESTED = ("state_dict", "model_state_dict", "model", "network_weights", "net", "network", "weights")
"""Names of the entries in which trainers store the state dict."""


PREFIXES = ("module.", "_orig_mod.", "model.", "_model.", "network.", "net.")
"""Prefixes that DistributedDataParallel, torch.compile and Lightning add to every name."""


_NUMBERS: list[Any] = [
    np.dtype,
    *{type(np.dtype(kind)) for kind in ("bool", "int32", "int64", "float32", "float64")},
    *((np.float64(0).__reduce__()[0], f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
"""The types that a pickled NumPy number needs, under their old and new names. Trainers store such numbers, and building
one runs no code of the file."""


def read_checkpoint(file: Path) -> object:
    """What a checkpoint holds: tensors, in entries that trainers put around them. No code of the file is run.

    Raises:
        RequestError: there is no such file, or it holds anything but tensors, numbers and text.
    """
    if not file.is_file():
        raise RequestError(f"there is no weights file {file}: correct the path")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with torch.serialization.safe_globals(_NUMBERS):
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        held = f" (it holds {named[1]}, as among the hyperparameters of Lightning)" if named else ""
        raise RequestError(
            f"{file} is not a checkpoint of tensors alone{held}, and loading it could run code: give a file that "
            "torch.save(model.state_dict(), path) wrote"
        ) from error
    except Exception as error:  # on another kind of file, an unpickler raises any error
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise RequestError(
            f"{file} cannot be read as a checkpoint ({reason}): give a file that torch.save(model.state_dict(), path) "
            "wrote, or a .safetensors file"
        ) from error


def unnest(document: object) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """The state dict in a checkpoint, and the names of the entries around it, the outermost first.

    Raises:
        RequestError: the checkpoint holds no state dict.
    """
    entries: tuple[str, ...] = ()
    while isinstance(document, Mapping):
        tensors = {str(name): value for name, value in document.items() if isinstance(value, Tensor)}
        inner = next((name for name in NESTED if isinstance(document.get(name), Mapping)), None)
        if inner is None:
            if tensors:
                return tensors, entries
            break
        document, entries = document[inner], (*entries, inner)
    held = (
        f"the entries {', '.join(map(str, list(document)[:5]))}"
        if isinstance(document, Mapping) and document
        else (f"a {type(document).__name__}")
    )
    raise RequestError(
        f"the file holds no state dict, but {held}: save model.state_dict(), either alone or in an entry named "
        "state_dict"
    )


def same_names_beside(document: object, state: Mapping[str, Tensor], entries: Sequence[str]) -> tuple[str, ...]:
    """The entries of a checkpoint that hold tensors of the same names as its state dict, such as averaged weights.

    Args:
        document: what the checkpoint holds.
        state: the state dict in it.
        entries: the names of the entries around the state dict, the outermost first.
    """
    if not entries or not isinstance(document, Mapping):
        return ()
    others = ((str(name), value) for name, value in document.items() if name != entries[0])
    return tuple(name for name, value in others if isinstance(value, Mapping) and set(state) <= {*map(str, value)})


def prefixes(state: Mapping[str, Tensor]) -> list[str]:
    """The combinations of `PREFIXES` that at least one name begins with, also the empty one. Not all names need to have
    the prefix, because the weights of a loss may stand beside those of the network."""
    combinations = [""]
    for combination in combinations:  # the loop also visits the combinations that it appends
        longer = (combination + prefix for prefix in PREFIXES)
        combinations += [candidate for candidate in longer if any(name.startswith(candidate) for name in state)]
    return combinations
