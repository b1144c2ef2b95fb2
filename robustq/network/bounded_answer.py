"""Looks whether a network's outputs are probabilities already."""

import torch
from torch import Tensor, nn

from robustq.errors import RequestError
from robustq.network.output_masks import full_resolution
from robustq.network.run_network import run_plain

_SCALES = (1.0, 100.0)
"""Standard deviations of the noise that the network is shown. Scores before a sigmoid leave [0, 1] for one of them."""


def gives_probabilities(network: nn.Module, example: Tensor, head: int | str | None = None) -> bool:
    """Whether all outputs of the network lie in [0, 1] for noise of any size, as after a sigmoid or softmax.

    A network whose outputs are all 0, because its last layer starts at zero, does not count.

    Args:
        network: a network, which does not change.
        example: an input that the network runs on; only its shape matters.
        head: which entry of the output is the answer, as in `full_resolution`.
    """
    noise = torch.randn(example.shape, generator=torch.Generator().manual_seed(0)).to(example)
    any_positive = False
    for scale in _SCALES:
        try:
            scores = full_resolution(run_plain(network, scale * noise), example.shape[2:], head)
        except RequestError:
            return False
        if not ((scores >= 0) & (scores <= 1)).all():
            return False
        any_positive = any_positive or bool((scores > 0).any())
    return any_positive
