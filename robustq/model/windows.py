"""Shows a model whole images, or their windows where it has a patch: the parts that a sliding window passes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from robustq.data.patches import pad_to_patch
from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq.model.segmenter import Segmenter
from robustq.requirements import pip_line
from robustq.shapes import Codes, Images, by

OVERLAP = 0.5
"""Share of a window that the next window along an axis covers too, as in nnU-Net."""


class Scores(NamedTuple):
    """A model's class scores for some images.

    Attributes:
        scores: class scores at full resolution.
        codes: codes of all images, or of all their windows; None without a codebook.
    """

    scores: Float[Tensor, "b classes *s"]
    codes: Codes | None


@dataclass(frozen=True)
class Windows:
    """The windows of a model, placed and blended by MONAI's `sliding_window_inference` with Gaussian weights.

    Where another framework places or weighs its windows otherwise, a class with these methods takes its place.

    Attributes:
        size: number of voxels of a window along each axis.
        overlap: share of a window that the next window along an axis covers too.
    """

    size: tuple[int, ...]
    overlap: float = OVERLAP

    def blend(
        self, answer: Callable[[Images], Tensor], images: Images, *, batch_size: int, device: torch.device
    ) -> Float[Tensor, "b classes *s"]:
        """The weighted means of the windows' class scores, float32, on the device of the images.

        Images that are smaller than a window are padded with 0, and the scores are cropped back. Gradients pass; then
        each batch of windows is computed again in the backward pass, so that memory holds the graph of one batch.

        Args:
            answer: function from a batch of windows, on `device`, to their class scores.
            images: images on any device.
            batch_size: number of windows in a batch.
            device: device of the batches.
        """
        from monai.inferers.utils import sliding_window_inference

        def copied(batch: Images) -> Tensor:
            return answer(batch).float().clone()  # MONAI multiplies it by the weights in place

        with_graph = torch.is_grad_enabled() and images.requires_grad
        scores = sliding_window_inference(
            images,
            self.size,
            batch_size,
            partial(checkpoint, copied, use_reentrant=False) if with_graph else copied,
            overlap=self.overlap,
            mode="gaussian",
            sw_device=device,
            device=images.device,
        )
        assert isinstance(scores, Tensor), "one tensor per batch gives one tensor"
        return scores

    def batches(self, images: Images, *, batch_size: int) -> Iterator[Images]:
        """The windows whose answers `blend` blends: all those of the first image, then those of the next."""
        images = pad_to_patch(images, self.size)
        corners = self.corners(images.shape[2:])
        count = len(images) * len(corners)
        for first in range(0, count, batch_size):
            numbers = range(first, min(first + batch_size, count))
            yield torch.stack(
                [self._cut(images[number // len(corners)], corners[number % len(corners)]) for number in numbers]
            )

    def corners(self, extents: Sequence[int]) -> list[tuple[int, ...]]:
        """The place of the first voxel of each window in an image of these extents, none smaller than a window."""
        from monai.data.utils import dense_patch_slices

        steps = [
            length if length == extent else max(1, int(length * (1 - self.overlap)))
            for length, extent in zip(self.size, extents, strict=True)
        ]
        return [tuple(int(along.start) for along in place) for place in dense_patch_slices(extents, self.size, steps)]

    def _cut(self, image: Tensor, corner: Sequence[int]) -> Tensor:
        for axis, (start, length) in enumerate(zip(corner, self.size, strict=True), start=1):
            image = image.narrow(axis, start, length)
        return image


def windows_of(preparation: Preparation) -> Windows | None:
    """The windows of a model with this preparation; None for a model that sees whole images.

    Raises:
        RequestError: MONAI is not installed.
    """
    if preparation.patch is None:
        return None
    try:
        import monai.inferers.utils  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise RequestError(
            f"the model answers by sliding window (patch {by(preparation.patch)}), which needs the library monai: "
            f"{pip_line('monai')}"
        ) from error
    return Windows(preparation.patch)


def class_scores(model: Segmenter, images: Images, *, batch_size: int) -> Scores:
    """The class scores of images: in one pass, or by sliding window where the model has a patch.

    Args:
        model: a segmenter.
        images: prepared images on any device.
        batch_size: number of windows in a pass; without a patch all images are in one pass.
    """
    device = model.device
    windows = windows_of(model.spec.preparation)
    if windows is None:
        parts = model.run(images.to(device))
        return Scores(parts.logits, parts.codes)
    codes: list[Tensor] = []

    def answer(batch: Images) -> Tensor:
        parts = model.run(batch)
        if parts.codes is not None:
            codes.append(parts.codes)
        return parts.logits

    scores = windows.blend(answer, images, batch_size=batch_size, device=device)
    return Scores(scores, torch.cat(codes) if codes else None)


def batches_of(model: Segmenter, images: Images, *, batch_size: int) -> Iterator[Images]:
    """The images in batches, or their windows where the model has a patch."""
    windows = windows_of(model.spec.preparation)
    yield from images.split(batch_size) if windows is None else windows.batches(images, batch_size=batch_size)
