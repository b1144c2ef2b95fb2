"""In which precision a training computes, and why."""

import torch

from robustq.model.device import Precision, choose_precision


def training_precision(precision: str, device: torch.device) -> tuple[Precision, str]:
    """The precision of that name for a training, and the reason for it in words.

    On a GPU, "auto" is bf16 where the GPU computes in it, else fp32. On a CPU it is always fp32: there bf16 saves
    little or no time (docs/commands.md gives figures), and a choice by a timed trial would depend on what else the
    machine does, so that a model and its baseline might be trained in different precisions.

    Raises:
        RequestError: there is no such precision.
    """
    if precision != "auto":
        return choose_precision(precision, device), "as asked"
    if device.type == "cpu":
        return "fp32", "auto is fp32 on a CPU"
    chosen = choose_precision(precision, device)
    return chosen, f"auto is {chosen} on this device"
