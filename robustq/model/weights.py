"""Weights of a network that was trained without robustq."""

import json
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.spec import HEADER, Spec

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


@dataclass(frozen=True)
class Loaded:
    """Which weights came from where.

    Attributes:
        file: the checkpoint.
        under: the entries it was nested under, outermost first, and the prefix its names had.
        loaded: tensors of the network that were found.
        missing: tensors of the network that were not, which keep their fresh values.
        unused: tensors of the file that the network does not have.
        source: spec of the bundle, if the file is one.
    """

    file: str
    under: tuple[str, ...]
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    source: Spec | None = None

    @property
    def provenance(self) -> dict[str, Any]:
        """The entries of a spec that tell where weights came from and what they have seen, as far as that is known."""
        source = self.source
        known = source is not None and (source.training is not None or source.weights_cases is not None)
        return {
            "weights": self.text,
            "weights_cases": tuple(sorted(source.seen)) if source is not None and known else None,
            "weights_validation": tuple(sorted(source.chose)) if source is not None else (),
        }

    @property
    def text(self) -> str:
        """A line for a reader."""
        where = f" (under {' / '.join(self.under)})" if self.under else ""
        told = f"{len(self.loaded)} of {len(self.loaded) + len(self.missing)} tensors from {self.file}{where}"
        for what, names in (("fresh", self.missing), ("unused", self.unused)):
            if names:
                more = f" and {len(names) - 3} more" if len(names) > 3 else ""
                told += f"; {what}: {', '.join(names[:3])}{more}"
        if self.source is not None and self.source.weights:
            told += f"; before that, {self.source.weights}"
            told += ", on which cases is not known" if self.source.weights_cases is None else ""
        return told


def load_weights(network: nn.Module, path: str | os.PathLike[str]) -> Loaded:
    """Fill a network from a plain checkpoint of it: `.safetensors`, or what `torch.save` wrote, of which no code runs.

    Raises:
        RequestError: the file is missing, holds anything but tensors, fits no tensor of the network, or one of another
            shape.
    """
    file = Path(path)
    state, under = _unnest(_read(file))
    own = network.state_dict()
    source = _source(file)
    # Of a quantised bundle not all names begin so: its bottlenecks stand beside the network.
    prefix = (
        "network."
        if source is not None
        else max(_prefixes(state), key=lambda text: sum(name.removeprefix(text) in own for name in state))
    )
    if prefix:
        state = {name.removeprefix(prefix): tensor for name, tensor in state.items()}
        under = (*under, f"prefix {prefix}")
    common = [name for name in own if name in state]
    if not common:
        raise RequestError(
            f"{file} holds no weight of this network: its names begin {', '.join(list(state)[:3])}, the network's "
            f"{', '.join(list(own)[:3])}; wrap the architecture that the file was trained with"
        )
    for name in common:
        if state[name].shape != own[name].shape:
            raise RequestError(
                f"{file} has {name} of shape {tuple(state[name].shape)} where this network has "
                f"{tuple(own[name].shape)}: wrap with the settings (classes, channels, width) it was trained with"
            )
        if not state[name].isfinite().all():
            raise RequestError(
                f"{file} holds weights that are no numbers ({name}): its training diverged, train it anew"
            )
    network.load_state_dict({**own, **{name: state[name] for name in common}})
    missing = tuple(name for name in own if name not in state)
    unused = tuple(name for name in state if name not in own)
    return Loaded(file.name, under, tuple(common), missing, unused, source)


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


def _source(file: Path) -> Spec | None:
    """The spec of a bundle; None of other checkpoints."""
    if file.suffix != ".safetensors":
        return None
    with safe_open(file, framework="pt") as opened:
        header = (opened.metadata() or {}).get(HEADER)
    try:
        return None if header is None else Spec.from_dict(json.loads(header))
    except (ValueError, TypeError, AttributeError, RequestError):
        return None  # a bundle of another version is a checkpoint like others


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
