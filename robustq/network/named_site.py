"""Finds a submodule by its dotted name, and the feature maps that it gives."""

from difflib import get_close_matches

import torch
from torch import Tensor, nn

from robustq.errors import RequestError, unknown
from robustq.network.feature_maps import require_features
from robustq.network.run_network import run_plain


def find_site(network: nn.Module, at: str) -> nn.Module:
    """The submodule with a dotted name.

    Raises:
        RequestError: there is no such submodule, and the message gives the nearest names; or it is TorchScript.
    """
    sites: dict[str, nn.Module] = dict(network.named_modules())
    if not at or at not in sites:
        near = get_close_matches(at, filter(None, sites), n=3, cutoff=0.5)
        raise unknown("site", at, near or (name for name in sites if name and "." not in name))
    if isinstance(sites[at], torch.jit.ScriptModule):
        raise RequestError(
            f"site {at!r} is TorchScript, which cannot be cut: name a module around it with --at, or give the module "
            "that was scripted or traced"
        )
    return sites[at]


def features_at(network: nn.Module, at: str, example: Tensor) -> list[Tensor]:
    """The feature maps that a site gives for an example: first its skips from fine to coarse, then the bottleneck.

    Raises:
        RequestError: the network does not run on the example, the site's output is not a feature map of each image, or
            the site is called more than once, so that the network would be cut at each call.
    """
    outputs: list[list[Tensor]] = []

    def look(module: nn.Module, inputs: object, output: object) -> None:
        # Here and not after the pass, because later layers may change the maps in place, and a decoder their list.
        outputs.append([feature.clone() for feature in require_features(output, example.shape[2:], at).maps])

    handle = find_site(network, at).register_forward_hook(look, prepend=True)
    try:
        run_plain(network, example)
    finally:
        handle.remove()
    if not outputs:
        raise RequestError(f"site {at!r} is not called in a forward pass: name another site with --at")
    if len(outputs) > 1:
        raise RequestError(
            f"site {at!r} is called {len(outputs)} times in a forward pass, and the network would be cut at each call: "
            "name a module that is called once, such as the convolution before it, or wrap the network inside the loop"
        )
    _require_image_axis(outputs[0], at, example)
    return outputs[0]


def _require_image_axis(features: list[Tensor], at: str, example: Tensor) -> None:
    """Refuse maps whose first axis does not stand for the images, such as tokens (N, B, C)."""
    first = len(features[-1])
    if first != len(example):
        raise RequestError(
            f"the first axis of what site {at!r} gives has {first} entries for {len(example)} images, so it is not "
            "(B, C, *T) or tokens (B, N, C): name another site with --at, such as one before tokens are reordered "
            "to (N, B, C) or divided into windows"
        )
