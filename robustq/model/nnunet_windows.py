"""The windows of nnU-Net: evenly spaced, and blended with its importance map."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from robustq.data.patches import pad_to_patch
from robustq.model.abstract_windows import AbstractWindows
from robustq.shapes import Images

STEP = 0.5
"""Largest step between windows, as a share of a window."""

PEAK = 10
"""Weight of the voxel in the middle of a window."""


@dataclass(frozen=True)
class NnunetWindows(AbstractWindows):
    """The windows of nnU-Net's predictor without mirroring. They are computed here, so nnU-Net need not be installed.

    Scores are summed in float16 as nnU-Net sums them, because near the corners of an image the weights are as small as
    float16 can be. These sums overflow above scores of about 6500. Then nnU-Net stops with an error, and all scores of
    the image are NaN here, which is no answer. Where a gradient is asked for, the sums are in float32.

    Attributes:
        size: number of voxels of a window along each axis.
    """

    size: tuple[int, ...]

    def corners(self, extents: Sequence[int]) -> list[tuple[int, ...]]:
        """The places of nnU-Net: the first and last window touch the borders, the others are evenly spaced."""
        along = []
        for extent, length in zip(extents, self.size, strict=True):
            rest = extent - length
            count = math.ceil(rest / (length * STEP)) + 1
            along.append([int(np.round(rest / (count - 1) * number)) if count > 1 else 0 for number in range(count)])
        return list(itertools.product(*along))

    def blend(
        self, answer: Callable[[Images], Tensor], images: Images, *, batch_size: int, device: torch.device
    ) -> Float[Tensor, "b classes *s"]:
        """See `AbstractWindows.blend`."""
        padded = pad_to_patch(images, self.size)
        corners = self.corners(padded.shape[2:])
        weights = self.importance().to(images.device)
        with_graph = torch.is_grad_enabled() and images.requires_grad
        dtype = torch.float32 if with_graph else torch.float16
        total = torch.zeros(padded.shape[2:], dtype=dtype, device=images.device)
        for corner in corners:
            total[self._place(corner)] += weights
        scores: Tensor | None = None
        places = itertools.product(range(len(padded)), corners)
        for batch in self.batches(padded, batch_size=batch_size):
            windows = batch.to(device)
            answers = checkpoint(answer, windows, use_reentrant=False) if with_graph else answer(windows)
            for of_window, (number, corner) in zip(answers.float().to(images.device), places, strict=False):
                if scores is None:
                    scores = torch.zeros(
                        len(padded), len(of_window), *padded.shape[2:], dtype=dtype, device=images.device
                    )
                scores[number][(slice(None), *self._place(corner))] += of_window * weights
        assert scores is not None, "there is at least one image, and it has at least one window"
        scores = (scores / total).float()
        scores[scores.isinf().flatten(1).any(1)] = math.nan
        for axis, extent in enumerate(images.shape[2:], start=2):
            scores = scores.narrow(axis, (scores.shape[axis] - extent) // 2, extent)
        return scores

    def importance(self) -> Tensor:
        """The weight of each voxel of a window: nnU-Net's Gaussian, rounded to float16 as nnU-Net does."""
        middle = np.zeros(self.size)
        middle[tuple(length // 2 for length in self.size)] = 1
        bell = gaussian_filter(middle, [length / 8 for length in self.size], mode="constant")
        weights = torch.from_numpy(bell / (bell.max() / PEAK)).half()
        return torch.where(weights == 0, weights[weights > 0].min(), weights).float()

    def _place(self, corner: Sequence[int]) -> tuple[slice, ...]:
        return tuple(slice(start, start + length) for start, length in zip(corner, self.size, strict=True))
