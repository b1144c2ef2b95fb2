"""The masks a segmenter answers with, for images or volumes, in batches that fit memory."""

import contextlib
from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from robustq.data.slices import from_slices, to_slices
from robustq.errors import RequestError
from robustq.segmenter import Segmenter
from robustq.shapes import BatchMasks, Images

Precision = Literal["fp32", "bf16", "fp16"]


@torch.no_grad()
def predict(
    model: Segmenter, images: Images, *, batch_size: int, axis: int | None = None, precision: Precision = "fp32"
) -> Iterator[tuple[BatchMasks, Tensor | None]]:
    """Masks (B, L, *S) of images (B, C, *S), with the codes of the same pass, batch by batch.

    Args:
        model: in evaluation mode.
        images: prepared, on any device; they are moved to the model's batch by batch.
        batch_size: images, or slices, a forward pass.
        axis: the spatial axis along which a 2D model reads volumes; None where dimensions agree. Then one volume's
            masks come at a time.
        precision: of the forward pass.
    """
    device = next(model.parameters()).device
    if axis is None:
        for batch in images.split(batch_size):
            with autocast(device, precision):
                parts = model.run(batch.to(device))
            yield model.masks(parts.logits.float()), parts.codes
        return
    for volume in images:
        masks, codes = [], []
        for batch, found in predict(model, to_slices(volume, axis), batch_size=batch_size, precision=precision):
            masks.append(batch)
            if found is not None:
                codes.append(found)
        yield from_slices(torch.cat(masks), axis)[None], torch.cat(codes) if codes else None


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
