"""A plain checkpoint of tensors, read without running any code of it."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from robustq.errors import RequestError

NESTED = ("state_dict", "model_state_dict", "model", "network_weights", "net", "network", "weights")
"""Entries under which trainers put the state dict."""


PREFIXES = ("module.", "_orig_mod.", "model.", "network.", "net.")
"""What DistributedDataParallel, torch.compile and Lightning put before every name."""


_NUMBERS: list[Any] = [
    np.dtype,
    *{type(np.dtype(kind)) for kind in ("bool", "int32", "int64", "float32", "float64")},
    *((np.float64(0).__reduce__()[0], f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
]
"""What a number of NumPy is pickled as, under its old name and its new. Trainers log such; building it runs nothing."""


def _read(file: Path) -> object:
    if not file.is_file():
        raise RequestError(f"no weights file {file}: mend the path")
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        with torch.serialization.safe_globals(_NUMBERS):
            return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RequestError(
            f"{file} is no checkpoint of tensors alone, and loading it could run code: save its state_dict() "
            "(torch.save(model.state_dict(), path)) and give that"
        ) from error
    except Exception as error:  # an unpickler that is fed with something else raises whatever it runs into
        told = " ".join(f"{type(error).__name__} {error}".split())
        raise RequestError(
            f"{file} is no checkpoint that can be read ({told}): give what torch.save(model.state_dict(), path) wrote, "
            "or a .safetensors file"
        ) from error


def _unnest(document: object) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    under: tuple[str, ...] = ()
    while isinstance(document, Mapping):
        tensors = {str(name): value for name, value in document.items() if isinstance(value, Tensor)}
        inner = next((name for name in NESTED if isinstance(document.get(name), Mapping)), None)
        if inner is None:
            if tensors:
                return tensors, under
            break
        document, under = document[inner], (*under, inner)
    raise RequestError("the file holds no state dict: save model.state_dict(), alone or under the entry state_dict")


def _prefixes(state: Mapping[str, Tensor]) -> list[str]:
    """The prefixes, alone or one after the other, that any names have: a loss's own weights may stand beside them."""
    found = [""]
    for before in found:  # which grows meanwhile
        longer = (before + prefix for prefix in PREFIXES)
        found += [prefix for prefix in longer if any(name.startswith(prefix) for name in state)]
    return found
