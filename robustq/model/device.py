"""Where a model computes, and in which precision."""

import contextlib
from typing import Literal

import torch

from robustq.errors import RequestError

Precision = Literal["fp32", "bf16", "fp16"]


def autocast(device: torch.device, precision: Precision) -> contextlib.AbstractContextManager[object]:
    """The context of a forward pass in that precision."""
    if precision == "fp32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, dtype={"bf16": torch.bfloat16, "fp16": torch.float16}[precision])


def choose_device(device: str) -> torch.device:
    """ "auto" is the first GPU, or the processor where there is none.

    Raises:
        RequestError: there is no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise RequestError(f"device {device!r} is not here: see robustq doctor, or leave it at auto") from error
    return chosen


def choose_precision(precision: str, device: torch.device) -> Precision:
    """ "auto" is bf16 where the processor computes in it, else fp32.

    Raises:
        RequestError: there is no such precision.
    """
    if precision == "auto":
        native = (
            torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        return "bf16" if native else "fp32"
    if precision not in ("fp32", "bf16", "fp16"):
        raise RequestError(f"precision {precision!r} is unknown: choose from auto, bf16, fp16, fp32")
    return precision  # type: ignore[return-value]  # checked above
