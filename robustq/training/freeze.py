"""Training a part of a segmenter only."""

from collections.abc import Collection

import torch
from torch import nn

from robustq.errors import unknown
from robustq.evaluation_mode import evaluation_mode
from robustq.model.segmenter import Segmenter
from robustq.shapes import Images

PARTS = ("encoder", "decoder")
"""What can be frozen. What was inserted at the bottleneck stays."""


def freeze(model: Segmenter, parts: Collection[str], example: Images) -> list[nn.Module]:
    """Take the weights of parts of the network out of training.

    The encoder is whatever an image passes on its way to the site, the decoder the rest of the network.

    Args:
        model: its parameters are marked.
        parts: of `PARTS`.
        example: images it runs on.

    Returns:
        The frozen modules with tensors of their own. Keep them in evaluation mode, or their running statistics move.

    Raises:
        RequestError: there is no such part.
    """
    for part in parts:
        if part not in PARTS:
            raise unknown("part to freeze", part, PARTS)
    reached: set[nn.Module] = set()
    holding = [
        module
        for module in model.network.modules()
        if next(module.parameters(recurse=False), None) is not None
        or next(module.buffers(recurse=False), None) is not None
    ]
    handles = [module.register_forward_pre_hook(lambda module, inputs: reached.add(module)) for module in holding]
    try:
        with torch.no_grad(), evaluation_mode(model):
            model.encode(example)
    finally:
        for handle in handles:
            handle.remove()
    frozen = [module for module in holding if ("encoder" if module in reached else "decoder") in parts]
    for module in frozen:
        for parameter in module.parameters(recurse=False):
            parameter.requires_grad_(False)
    return frozen
