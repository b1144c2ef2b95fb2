"""Write and read a bundle: one `.safetensors` file per model, with the weights, and the spec as JSON in its header."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from robustq.errors import RequestError
from robustq.model.spec import HEADER, Spec
from robustq.whole_file import whole_file


def save(state: Mapping[str, Tensor], spec: Spec, path: str | os.PathLike[str]) -> None:
    """Write a bundle whole: under a temporary name, then renamed.

    Args:
        state: the segmenter's state dict.
        spec: the segmenter's spec.
        path: path of the file, *.safetensors.

    Raises:
        RequestError: the name does not end in .safetensors, or the folder cannot be written.
    """
    target = check_name(path)
    # Copies, because safetensors refuses tensors that share memory (tied weights), and load ties them again.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    with whole_file(target) as partial:
        partial.write_bytes(serialise(tensors, metadata={HEADER: json.dumps(spec.to_dict())}))


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
