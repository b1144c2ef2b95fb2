"""What all sliding windows have in common: their size, their places and their batches."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.data.patches import pad_to_patch
from robustq.shapes import Images


class AbstractWindows(ABC):
    """The windows of a model: where they lie in an image, and how their answers become one."""

    size: tuple[int, ...]
    """Number of voxels of a window along each axis."""

    @abstractmethod
    def corners(self, extents: Sequence[int]) -> list[tuple[int, ...]]:
        """The place of the first voxel of each window in an image of these extents, none smaller than a window."""

    @abstractmethod
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

    def _cut(self, image: Tensor, corner: Sequence[int]) -> Tensor:
        for axis, (start, length) in enumerate(zip(corner, self.size, strict=True), start=1):
            image = image.narrow(axis, start, length)
        return image
