"""Freeze parts of a segmenter, so that only the rest is trained."""

from collections.abc import Collection

import torch
from torch import nn

from robustq.errors import unknown
from robustq.model.segmenter import Segmenter
from robustq.network.run_network import evaluation_mode
from robustq.shapes import Images

PARTS = ("encoder", "decoder")
"""The parts that can be frozen. What was inserted at the bottleneck is in neither, and is always trained."""


def freeze(model: Segmenter, parts: Collection[str], example: Images) -> list[nn.Module]:
    """Exclude the weights of parts of the network from training.

    The encoder is every module that an image passes on its way to the site; the decoder is the rest of the network.

    Args:
        model: a segmenter; its frozen parameters no longer require a gradient.
        parts: names from `PARTS`.
        example: images on which the model runs.

    Returns:
        The frozen modules that hold tensors. Keep them in evaluation mode, or their running statistics change.

    Raises:
        RequestError: there is no such part.
    """
    for part in parts:
        if part not in PARTS:
            raise unknown("part to freeze", part, PARTS)
    reached: set[nn.Module] = set()
    with_tensors = [
        module
        for module in model.network.modules()
        if next(module.parameters(recurse=False), None) is not None
        or next(module.buffers(recurse=False), None) is not None
    ]
    handles = [module.register_forward_pre_hook(lambda module, inputs: reached.add(module)) for module in with_tensors]
    try:
        with torch.no_grad(), evaluation_mode(model):
            model.encode(example)
    finally:
        for handle in handles:
            handle.remove()
    frozen = [module for module in with_tensors if ("encoder" if module in reached else "decoder") in parts]
    for module in frozen:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
    return frozen
