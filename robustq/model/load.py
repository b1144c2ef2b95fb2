"""From a bundle back to its segmenter."""

import copy
import os

import torch
from safetensors import safe_open
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.model.baseline import fresh_network
from robustq.model.bottleneck import build_bottlenecks
from robustq.model.bundle_file import read_spec
from robustq.model.segmenter import Segmenter
from robustq.model.spec import CHANGED, Spec
from robustq.network.code_digest import code_digest


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
    if module is not None and spec.digest != (digest := code_digest(module)):
        remarks = spec.remarks if CHANGED in spec.remarks or not spec.digest else (*spec.remarks, CHANGED)
        spec = spec.but(digest=digest, remarks=remarks)
    # The input projections tell how many feature maps are quantised, and how wide each is.
    widths: list[int] = []
    while (weight := tensors.get(f"bottlenecks.{len(widths)}.project_in.weight")) is not None:
        widths.append(weight.shape[1])
    return Segmenter(network, build_bottlenecks(spec.quantise, widths, dims=spec.dims), spec)
