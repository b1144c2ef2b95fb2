"""Shows a model whole images, or their windows where it has a patch: the parts that a sliding window passes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from robustq.data.patches import NNUNET, overlap_of
from robustq.data.preparation import Preparation
from robustq.errors import RequestError
from robustq.model.abstract_windows import AbstractWindows
from robustq.model.device import to_device
from robustq.model.nnunet_windows import NnunetWindows
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
class Windows(AbstractWindows):
    """The windows of a model, placed and blended by MONAI's `sliding_window_inference`.

    Attributes:
        size: number of voxels of a window along each axis.
        overlap: share of a window that the next window along an axis covers too.
        weights: "gaussian" or "constant".
    """

    size: tuple[int, ...]
    overlap: float = OVERLAP
    weights: str = "gaussian"

    def blend(
        self, answer: Callable[[Images], Tensor], images: Images, *, batch_size: int, device: torch.device
    ) -> Float[Tensor, "b classes *s"]:
        """See `AbstractWindows.blend`."""
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
            mode=self.weights,
            sw_device=device,
            device=images.device,
        )
        assert isinstance(scores, Tensor), "one tensor per batch gives one tensor"
        return scores

    def corners(self, extents: Sequence[int]) -> list[tuple[int, ...]]:
        """The place of the first voxel of each window in an image of these extents, none smaller than a window."""
        from monai.data.utils import dense_patch_slices

        steps = [
            length if length == extent else max(1, int(length * (1 - self.overlap)))
            for length, extent in zip(self.size, extents, strict=True)
        ]
        return [tuple(int(along.start) for along in place) for place in dense_patch_slices(extents, self.size, steps)]


def windows_of(preparation: Preparation) -> AbstractWindows | None:
    """The windows of a model with this preparation; None for a model that sees whole images.

    Raises:
        RequestError: MONAI is not installed.
    """
    if preparation.patch is None:
        return None
    if preparation.windows == NNUNET:
        return NnunetWindows(preparation.patch)
    try:
        import monai.inferers.utils  # noqa: F401 - only to see whether it is there
    except ImportError as error:
        raise RequestError(
            f"the model answers by sliding window (patch {by(preparation.patch)}), which needs the library monai: "
            f"{pip_line('monai')}"
        ) from error
    weights = preparation.windows.partition(":")[0]
    return Windows(preparation.patch, overlap_of(preparation.windows), weights)


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
        parts = model.run(to_device(images, device))
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
