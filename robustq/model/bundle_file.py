"""Write and read a bundle: one `.safetensors` file per model, with the weights, and the spec as JSON in its header."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load as deserialise
from safetensors.torch import save as serialise
from torch import Tensor

from robustq.errors import RequestError
from robustq.model.spec import HEADER, Spec
from robustq.whole_file import whole_file

EXTRA_STATE = "robustq_extra_state"
"""Entry of a bundle's header that holds what `get_extra_state` of modules gave, by name; absent where there is none."""


def save(state: Mapping[str, Any], spec: Spec, path: str | os.PathLike[str]) -> None:
    """Write a bundle whole: under a temporary name, then renamed.

    Args:
        state: the segmenter's state dict. Entries that are no tensors, the extra states of modules, go into the header
            as JSON.
        spec: the segmenter's spec.
        path: path of the file, *.safetensors.

    Raises:
        RequestError: the name does not end in .safetensors, the folder cannot be written, or a bundle cannot hold an
            entry.
    """
    target = check_name(path)
    extra = {name: entry for name, entry in state.items() if not isinstance(entry, Tensor)}
    check_extra_states(state)
    metadata = {HEADER: json.dumps(spec.to_dict())} | ({EXTRA_STATE: json.dumps(extra)} if extra else {})
    try:
        # Copies, because safetensors refuses tensors that share memory (tied weights), and load ties them again.
        tensors = {
            name: entry.detach().cpu().contiguous().clone()
            for name, entry in state.items()
            if isinstance(entry, Tensor)
        }
        document = serialise(tensors, metadata=metadata)
    except (SafetensorError, ValueError, KeyError, RuntimeError) as error:
        raise RequestError(
            f"a bundle cannot hold a tensor of this network ({error}): convert it to a dense tensor of real numbers"
        ) from error
    with whole_file(target) as partial:
        partial.write_bytes(document)


def check_extra_states(state: Mapping[str, Any]) -> None:
    """Refuse a state dict with an entry that is neither a tensor nor a JSON value.

    Raises:
        RequestError: a bundle cannot hold an entry.
    """
    for name, entry in state.items():
        try:
            kept = isinstance(entry, Tensor) or json.loads(json.dumps(entry)) == entry
        except (TypeError, ValueError):
            kept = False
        if not kept:
            way_out = "let get_extra_state return a tensor, or JSON values alone"
            if isinstance(entry, torch.dtype):
                way_out = (
                    "save the network before torch.ao quantises it; a quantised network can be measured all the same"
                )
            raise RequestError(
                f"{name} of this network is a {type(entry).__name__} that JSON does not keep, so a bundle cannot hold "
                f"it: {way_out}"
            )


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state dict in a bundle whose spec was read: its tensors, and the extra states of modules."""
    with safe_open(path, framework="pt") as opened:
        extra: dict[str, Any] = json.loads(opened.metadata().get(EXTRA_STATE, "{}"))
        try:
            # Each get_tensor leaks two integers (safetensors 0.4.5 to 0.8.0), so a process that opens bundles again and
            # again would grow. This reads the file without it.
            tensors = dict(sorted(deserialise(Path(path).read_bytes()).items()))
        except KeyError:  # a dtype that only get_tensor knows, such as float8_e8m0fnu
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
    return tensors | extra


def check_name(path: str | os.PathLike[str]) -> Path:
    """The path of a bundle to write, refused unless it ends in .safetensors."""
    target = Path(path)
    if target.suffix != ".safetensors":
        raise RequestError(
            f"a bundle is named *.safetensors, and {target.name!r} is not: give {target.stem}.safetensors"
        )
    return target


def read_spec(path: str | os.PathLike[str]) -> Spec:
    """The spec in a bundle's header; no weight is read.

    Raises:
        RequestError: there is no such file, or it is not a bundle.
    """
    file = Path(path)
    if not file.is_file():
        raise RequestError(f"no model file {file}: correct the path, or make the file with robustq wrap")
    try:
        with safe_open(file, framework="pt") as opened:
            header = (opened.metadata() or {}).get(HEADER)
    except (SafetensorError, OSError) as error:
        raise RequestError(
            f"{file} is truncated or not a safetensors file ({error}): give a bundle that robustq wrap wrote"
        ) from error
    if header is None:
        raise RequestError(f"{file} is a safetensors file without a robustq spec: make a bundle with robustq wrap")
    try:
        return Spec.from_dict(json.loads(header))
    except (json.JSONDecodeError, TypeError, AttributeError) as error:
        raise RequestError(f"{file} has a spec that cannot be read ({error}): make the bundle again") from error
    except RequestError as error:
        raise RequestError(f"{file} cannot be used: {error}") from error
