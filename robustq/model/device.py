"""On which device a model computes, and in which precision."""

import contextlib
from typing import Literal

import torch
from torch import Tensor

from robustq.errors import RequestError

Precision = Literal["fp32", "bf16", "fp16"]


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """The context in which a forward pass computes in that precision."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype={"bf16": torch.bfloat16, "fp16": torch.float16}[precision])


def to_device(images: Tensor, device: torch.device) -> Tensor:
    """The images on a device. A copy to a GPU is asked for, and not waited for."""
    if device.type == "cuda" and images.device.type == "cpu":
        images = images.pin_memory()  # from other memory, the copy would be waited for
    return images.to(device, non_blocking=True)


def choose_device(device: str) -> torch.device:
    """The device of that name; "auto" is the first GPU, or the CPU where there is no GPU.

    Raises:
        RequestError: there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise RequestError(
            f"device {device!r} is not available: robustq doctor lists the devices, and auto chooses one"
        ) from error
    return chosen


def choose_precision(precision: str, device: torch.device) -> Precision:
    """The precision of that name; "auto" is bf16 on a GPU that computes in it, else fp32.

    On a processor bf16 is asked for by name: it moved a Dice mean of the demonstration by 0.004, more than the 0.002 at
    which two runs would still be read alike (benchmarks/speed/bf16.py).

    Raises:
        RequestError: there is no such precision.
    """
    if precision == "auto":
        return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"
    if precision not in ("fp32", "bf16", "fp16"):
        raise RequestError(f"precision {precision!r} is unknown: choose from auto, bf16, fp16, fp32")
    return precision  # type: ignore[return-value]  # checked above
