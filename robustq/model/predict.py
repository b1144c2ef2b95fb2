"""The masks a segmenter answers with, for images or volumes, in batches that fit memory."""

from collections.abc import Iterator

import torch
from torch import Tensor

from robustq.data.slices import from_slices, to_slices
from robustq.model.device import Precision, autocast
from robustq.model.segmenter import Segmenter
from robustq.shapes import BatchMasks, Images


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
