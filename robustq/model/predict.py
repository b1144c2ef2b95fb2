"""Predict masks with a segmenter, for images or volumes, in batches that fit memory."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from robustq.data.slices import from_slices, to_slices
from robustq.model.device import Precision, autocast
from robustq.model.segmenter import Segmenter
from robustq.model.windows import class_scores
from robustq.shapes import BatchMasks, Codes, Images

BATCH = {2: 16, 3: 2}
"""Default number of images (2D) or volumes (3D) in a forward pass."""

NOT_FINITE = "the model's answer holds NaN or infinity"
"""Reason of a row whose answer is not finite."""


class Answers(NamedTuple):
    """A model's answers to some images.

    Attributes:
        masks: boolean, one per label; they mean nothing where the answer is not finite.
        codes: codes of the same pass, those of all slices where a 2D model reads a volume, and those of all windows
            where the model has a patch; None without a codebook.
        probabilities: probability of each label at each voxel, float32; None unless they were asked for.
        finite: for each image, whether the largest class score of every voxel is a finite number.
    """

    masks: BatchMasks
    codes: Codes | None
    probabilities: Float[Tensor, "b l *s"] | None
    finite: Bool[Tensor, " b"]


def predict(
    model: Segmenter,
    images: Images,
    *,
    batch_size: int,
    axis: int | None = None,
    precision: Precision = "fp32",
    with_probabilities: bool = False,
) -> Iterator[Answers]:
    """The answers to images (B, C, *S), batch by batch; image by image where the model has a patch.

    Args:
        model: a segmenter in evaluation mode.
        images: prepared images on any device; each batch is moved to the model's device.
        batch_size: number of images, of slices or of windows in a forward pass.
        axis: the spatial axis along which a 2D model reads volumes; each answer is then that of one volume. None where
            model and images have the same number of axes.
        precision: precision of the forward pass.
        with_probabilities: whether the answers hold probabilities.
    """
    if axis is None:
        # The windows of one image fill the batches, and its scores alone can fill the memory.
        for batch in images.split(batch_size if model.spec.preparation.patch is None else 1):
            yield _answers(model, batch, batch_size, precision, with_probabilities)
        return
    for volume in images:
        slices = predict(
            model,
            to_slices(volume, axis),
            batch_size=batch_size,
            precision=precision,
            with_probabilities=with_probabilities,
        )
        yield _volume_answers(slices, axis)


# Around each batch, not around the generator: between two answers the caller's gradient mode must hold.
@torch.no_grad()
def _answers(
    model: Segmenter, batch: Images, batch_size: int, precision: Precision, with_probabilities: bool
) -> Answers:
    """The answers to the images of one batch."""
    with autocast(model.device, precision):
        scores, codes = class_scores(model, batch, batch_size=batch_size)
    scores = scores.float()
    return Answers(
        masks=model.masks(scores),
        codes=codes,
        probabilities=model.probabilities(scores) if with_probabilities else None,
        # Minus infinity rules a class out, which is an answer where another class has a finite score.
        finite=scores.amax(1).isfinite().flatten(1).all(1),
    )


def _volume_answers(slices: Iterable[Answers], axis: int) -> Answers:
    """The answer to a volume, from those to its slices along an axis."""
    masks, codes, probabilities, finite = (
        None if values[0] is None else torch.cat(values) for values in zip(*slices, strict=True)
    )
    assert masks is not None, "every answer has masks"
    assert finite is not None, "every answer says whether it is finite"
    return Answers(
        masks=from_slices(masks, axis)[None],
        codes=codes,
        probabilities=None if probabilities is None else from_slices(probabilities, axis)[None],
        finite=finite.all()[None],
    )
