"""One `.safetensors` file a model: weights, and in the header the spec, as JSON."""

import copy
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn

from robustq.bottleneck import build_bottlenecks
from robustq.code import code_digest
from robustq.errors import RequestError
from robustq.quantise import Quantise
from robustq.segmenter import Segmenter
from robustq.spec import CHANGED, HEADER, Spec
from robustq.wrap import fresh_network


def save(model: Segmenter, path: str | os.PathLike[str]) -> None:
    """Write the bundle whole: under a temporary name, then renamed.

    Raises:
        RequestError: the name does not end in .safetensors, or the folder cannot be written.
    """
    target = check_name(path)
    # Copies, because safetensors refuses tensors that share memory (tied weights), and load ties them again.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(serialise(tensors, metadata={HEADER: json.dumps(model.spec.to_dict())}))
        os.replace(partial, target)
    except OSError as error:
        raise RequestError(f"cannot write {target}: {error.strerror or error}") from error


def check_name(path: str | os.PathLike[str]) -> Path:
    """The path of a bundle to write, refused unless it ends in .safetensors."""
    target = Path(path)
    if target.suffix != ".safetensors":
        raise RequestError(f"a bundle is named *.safetensors, not {target.name!r}")
    return target


def read_spec(path: str | os.PathLike[str]) -> Spec:
    """The spec in a bundle's header; no weight is read.

    Raises:
        RequestError: there is no such file, or it is not a bundle.
    """
    file = Path(path)
    if not file.is_file():
        raise RequestError(f"no model file {file}: make one with robustq wrap, or mend the path")
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
        raise RequestError(f"{file} has a spec that cannot be read: {error}") from error
    except RequestError as error:
        raise RequestError(f"{file} cannot be used: {error}") from error


def load(path: str | os.PathLike[str], *, module: nn.Module | None = None) -> Segmenter:
    """Rebuild a segmenter from its bundle, in evaluation mode. Nothing from the file is executed.

    Args:
        path: a bundle.
        module: the network, where it was given by hand; it is copied, and its weights are replaced. Where its code is
            not that which was wrapped, the model carries a remark.

    Raises:
        RequestError: the file is missing, truncated, no bundle, of an unknown architecture, or does not fit.
    """
    spec = read_spec(path)
    if (spec.architecture is None) != (module is not None):
        raise RequestError(
            f"{path} holds a network given by hand: pass it, robustq.load(path, module=network), or with "
            "--model-file FILE.py:FUNCTION on the command line"
            if module is None
            else f"{path} names its architecture, {spec.architecture}: load it without module="
        )
    with safe_open(path, framework="pt") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a mapping
    wrong = next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)
    if wrong is not None:
        raise RequestError(f"{path} holds weights that are no numbers ({wrong}): its training diverged, train it anew")
    try:
        with torch.random.fork_rng():  # building draws weights, which are replaced
            model = _rebuild(spec, module, tensors)
        model.load_state_dict(tensors)
    except (RequestError, RuntimeError) as error:
        first = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise RequestError(f"{path} cannot be rebuilt: {first}") from error
    return model.eval()


def _rebuild(spec: Spec, module: nn.Module | None, tensors: dict[str, Tensor]) -> Segmenter:
    network = fresh_network(spec) if module is None else copy.deepcopy(module)
    if module is not None and spec.code != (code := code_digest(module)):
        remarks = spec.remarks if CHANGED in spec.remarks or not spec.code else (*spec.remarks, CHANGED)
        spec = spec.but(code=code, remarks=remarks)
    # The input projections tell how many feature maps are quantised, and how wide each is.
    widths: list[int] = []
    while (weight := tensors.get(f"bottlenecks.{len(widths)}.project_in.weight")) is not None:
        widths.append(weight.shape[1])
    return Segmenter(network, build_bottlenecks(Quantise.parse(spec.quantise), widths, dims=spec.dims), spec)
