"""The masks a segmenter answers with, for images or volumes, in batches that fit memory."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.data.slices import from_slices, to_slices
from robustq.model.device import Precision, autocast
from robustq.model.segmenter import Segmenter
from robustq.shapes import BatchMasks, Codes, Images


class Answers(NamedTuple):
    """A model's answers to some images.

    Attributes:
        masks: boolean, one a label.
        codes: of the same pass, those of all slices where a 2D model reads a volume; None without a codebook.
        probabilities: of each label at each voxel, float32; None unless they were asked for.
    """

    masks: BatchMasks
    codes: Codes | None
    probabilities: Float[Tensor, "b l *s"] | None


def predict(
    model: Segmenter,
    images: Images,
    *,
    batch_size: int,
    axis: int | None = None,
    precision: Precision = "fp32",
    with_probabilities: bool = False,
) -> Iterator[Answers]:
    """The answers to images (B, C, *S), batch by batch.

    Args:
        model: in evaluation mode.
        images: prepared, on any device; they are moved to the model's batch by batch.
        batch_size: images, or slices, a forward pass.
        axis: the spatial axis along which a 2D model reads volumes; None where dimensions agree. Then one volume's
            answer comes at a time.
        precision: of the forward pass.
        with_probabilities: give the probabilities too.
    """
    if axis is None:
        device = next(model.parameters()).device
        for batch in images.split(batch_size):
            # Not around the whole generator: between two answers the caller's own mode holds.
            with torch.no_grad():
                with autocast(device, precision):
                    parts = model.run(batch.to(device))
                scores = parts.logits.float()
                masks = model.masks(scores)
                probabilities = model.probabilities(scores) if with_probabilities else None
            yield Answers(masks, parts.codes, probabilities)
        return
    for volume in images:
        slices = predict(
            model,
            to_slices(volume, axis),
            batch_size=batch_size,
            precision=precision,
            with_probabilities=with_probabilities,
        )
        answered, codes, likely = (
            None if parts[0] is None else torch.cat(parts) for parts in zip(*slices, strict=True)
        )
        assert answered is not None, "every answer has masks"
        yield Answers(
            from_slices(answered, axis)[None], codes, None if likely is None else from_slices(likely, axis)[None]
        )


BATCH = {2: 16, 3: 2}
"""Images, or volumes, a forward pass where nothing else is asked."""
