"""Load a bundle: rebuild its segmenter."""

import os
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from robustq.errors import RequestError
from robustq.model.baseline import fresh_network
from robustq.model.bottleneck import build_bottlenecks
from robustq.model.bundle_file import read_spec, read_state
from robustq.model.prior import make_prior
from robustq.model.segmenter import Segmenter
from robustq.model.spec import CHANGED, Spec
from robustq.network.bound_hooks import remove_bound_hooks
from robustq.network.code_digest import code_digest
from robustq.network.plain_module import plain_copy, plain_name
from robustq.network.state import first_not_finite, take_dtypes


def load(path: str | os.PathLike[str], *, module: nn.Module | None = None) -> Segmenter:
    """Rebuild a segmenter from its bundle, in evaluation mode. Nothing from the file is executed.

    Args:
        path: a bundle.
        module: the network, if the bundle's network was given by hand, or a segmenter of it; it is copied, and the
            copy gets the bundle's weights. If its code differs from the code that was wrapped, the model carries a
            remark.

    Raises:
        RequestError: the file is missing, truncated or no bundle, or its architecture is unknown or does not fit.
    """
    spec = read_spec(path)
    if (spec.architecture is None) != (module is not None):
        raise RequestError(
            f"{path} holds a network given by hand: pass it with robustq.load(path, module=network), or with "
            "--model-file FILE.py:FUNCTION on the command line"
            if module is None
            else f"{path} names its architecture, {spec.architecture}: load it without module="
        )
    # Earlier versions wrote the names of compiled modules.
    state = {plain_name(name): entry for name, entry in read_state(path).items()}
    spec = spec.but(site=plain_name(spec.site))
    try:
        with torch.random.fork_rng():  # building draws weights, which are then replaced
            model = _rebuild(spec, module, state)
        take_dtypes(model, state)
        not_finite = first_not_finite(model, state)
        model.load_state_dict(state)
    except (RequestError, RuntimeError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:2])
        raise RequestError(f"{path} cannot be rebuilt: {reason}") from error
    if not_finite is not None:
        raise RequestError(
            f"{path} holds weights that are NaN or infinite ({not_finite}): its training diverged, train it again"
        )
    return model.eval()


def _rebuild(spec: Spec, module: nn.Module | None, state: dict[str, Any]) -> Segmenter:
    # The input projections show how many feature maps are quantised, and how many channels each has.
    widths: list[int] = []
    while (weight := state.get(f"bottlenecks.{len(widths)}.project_in.weight")) is not None:
        widths.append(weight.shape[1])
    if module is None:
        _check_size(spec, widths, state)
    network = fresh_network(spec) if module is None else _uncut_copy(module)
    # The code of a lazy layer is another one before its first pass, so it says nothing.
    lazy = any(map(is_lazy, network.parameters()))
    if module is not None and not lazy and spec.digest != (digest := code_digest(network)):
        remarks = spec.remarks if CHANGED in spec.remarks or not spec.digest else (*spec.remarks, CHANGED)
        spec = spec.but(digest=digest, remarks=remarks)
    model = Segmenter(network, build_bottlenecks(spec.quantise, widths, dims=spec.dims), spec)
    if spec.prior is not None:
        model.prior = make_prior(model.quantiser, str(spec.quantise))
    return model


def _uncut_copy(module: nn.Module) -> nn.Module:
    """A copy of a network that may have been wrapped itself (copy=False), so that it is not cut twice."""
    network = plain_copy(module.network if isinstance(module, Segmenter) else module, share=True)
    remove_bound_hooks(network, Segmenter)
    return network


def _check_size(spec: Spec, widths: list[int], state: dict[str, Any]) -> None:
    """Refuse a spec whose network is far larger than the weights in the file, before memory is taken for it.

    Raises:
        RequestError: the network has several times as many bytes as the weights.
    """
    try:
        with torch.device("meta"):  # tensors that have a shape and no memory
            parts = nn.ModuleList([fresh_network(spec), build_bottlenecks(spec.quantise, widths, dims=spec.dims)])
    except Exception:  # some networks look at their values while they are built, and cannot be built without memory
        return
    needed = sum(tensor.nbytes for tensors in (parts.parameters(), parts.buffers()) for tensor in tensors)
    held = sum(entry.nbytes for entry in state.values() if isinstance(entry, Tensor))
    if needed > _SLACK + _MOST * held:
        raise RequestError(
            f"its spec describes a network of {needed / 2**20:.0f} MB, and it holds {held / 2**20:.0f} MB of weights: "
            "the file is damaged or forged, get it again"
        )


_MOST, _SLACK = 4, 2**26
"""A network may need this many times the bytes of its weights, and 64 MB more: weights may be stored in half precision,
and buffers need not be stored."""
