"""Keeps a batch of a single item away from a network whose batch normalisation cannot be trained on one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.network.global_generators import kept_generators
from robustq.network.separate_copy import separate_copy
from robustq.training.batches import Batches

_REFUSAL = "more than 1 value per channel when training"
"""What PyTorch says where batch normalisation gets one value for each channel, of which it can take no variance."""


def join_lone_item(batches: Batches, model: Segmenter, frozen: Sequence[nn.Module]) -> Batches:
    """The batches; a last batch of a single item is joined to the one before if the network cannot be trained on it.

    Other networks keep their last batch, so that their trainings stay as they are.

    Args:
        batches: the batches of the training.
        model: the segmenter that is trained. It does not change.
        frozen: modules of the model that stay in evaluation mode.

    Raises:
        RequestError: the network cannot be trained on single items, and there is nothing to join them to.
    """
    if not batches.end_alone or _takes_one(batches, model, frozen):
        return batches
    if batches.size == 1 or len(batches.items) == 1:
        reason = "there is a single training case" if len(batches.items) == 1 else "the batch size is 1"
        raise RequestError(
            "the batch normalisation of this network gets one value for each channel from a single image, and cannot "
            f"be trained on it, and {reason}: give more cases and a batch size of 2 or more, or larger images"
        )
    return replace(batches, lone_joined=True)


def _takes_one(batches: Batches, model: Segmenter, frozen: Sequence[nn.Module]) -> bool:
    image = batches.draw(batches.items[0], epoch=0).image[None]
    copies: dict[int, Any] = {}
    trial = separate_copy(model, copies, share=True).train()  # a pass in training mode changes buffers
    for module in frozen:
        copies[id(module)].eval()
    try:
        with kept_generators(), torch.no_grad():
            trial.run(image.to(trial.device))
    except RequestError as error:
        if _REFUSAL in str(error):
            return False
        raise
    return True
