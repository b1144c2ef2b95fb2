"""TorchIO's images and transforms in one way, whichever of its versions is installed: 1.2 or 2."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import torchio
from torch import Tensor

VERSION: str = torchio.__version__

_BY_SOURCE = not hasattr(torchio, "RandomAffine")
"""From 2.0 on, an image takes its tensor as its first argument and ignores `tensor=`, and no name is `Random...`."""


def scalar_image(tensor: Tensor, affine: np.ndarray | None = None) -> Any:
    """A ScalarImage of a volume (C, X, Y, Z) or of an image (C, H, W), which becomes one slice."""
    return _image(torchio.ScalarImage, tensor, affine)


def label_map(tensor: Tensor) -> Any:
    """A LabelMap of masks (L, *S)."""
    return _image(torchio.LabelMap, tensor.to(torch.uint8), None)


def named(name: str) -> type[Any] | None:
    """TorchIO's random transform `RandomNAME`, which is called NAME from 2.0 on; None if it does not exist."""
    factory = getattr(torchio, f"Random{name}", None) or getattr(torchio, name, None)
    return factory if isinstance(factory, type) and issubclass(factory, torchio.Transform) else None


def intensity_transforms() -> dict[str, type[Any]]:
    """The transforms that change intensities and leave the grid alone, by the names that this version gives them."""
    base = torchio.IntensityTransform
    classes = {name: item for name, item in sorted(vars(torchio).items()) if isinstance(item, type)}
    return {
        name: item
        for name, item in classes.items()
        if issubclass(item, base) and item is not base and item is named(name.removeprefix("Random"))
    }


def images_of(item: Any) -> dict[str, Any] | None:
    """The images of a subject by their names; None if the item is no subject."""
    if not isinstance(item, torchio.Subject):
        return None
    return dict(item.images if _BY_SOURCE else item.get_images_dict(intensity_only=False))


def is_label_map(image: Any) -> bool:
    """Whether this image of a subject is a mask."""
    return isinstance(image, torchio.LabelMap)


def random_affine(
    scales: Sequence[tuple[float, float]],
    degrees: Sequence[tuple[float, float]],
    translation: Sequence[tuple[float, float]],
) -> Any:
    """TorchIO's random affine transform, from the (low, high) bounds of its parameters along each of the three axes."""
    factory = named("Affine")
    assert factory is not None, "every TorchIO has an affine transform"
    settings = {"scales": scales, "degrees": degrees, "translation": translation}
    return factory(**{name: tuple(bound for pair in pairs for bound in pair) for name, pairs in settings.items()})


def transformed(transform: Any, image: Tensor) -> Tensor:
    """The image (C, *S) after a transform, which computes in float32 on the CPU."""
    volume = scalar_image(image.detach().cpu().float())
    return _like(_apply(transform, volume).data, image).to(image)


def transformed_pair(transform: Any, image: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """An image (C, *S) and its masks (L, *S) after the same draw of a transform."""
    subject = _apply(transform, torchio.Subject(image=scalar_image(image), masks=label_map(masks)))
    return _like(subject["image"].data, image), _like(subject["masks"].data, masks).bool()


def resampled(image: Tensor, affine: np.ndarray, shape: tuple[int, ...], target: np.ndarray) -> Tensor:
    """The image (C, *S) on the grid of a shape and an affine, by linear interpolation; its border values continue.

    Args:
        image: float32 or float64.
        affine: 4 × 4 matrix from voxels of the image, as a volume, to the world.
        shape: extents of the new grid; three.
        target: the new grid's matrix.
    """
    if _BY_SOURCE:
        # Version 2 fades to 0 within half a voxel of the border. With a margin, the border lies farther out.
        volume, affine = _with_margin(image), affine.copy()
        affine[:3, 3] -= affine[:3, :3].sum(1)
    else:
        volume = image
    transform = torchio.Resample((shape, target))
    return _like(_apply(transform, scalar_image(volume, affine)).data, image)


def _image(kind: Any, tensor: Tensor, affine: np.ndarray | None) -> Any:
    volume = tensor.unsqueeze(-1) if tensor.ndim == 3 else tensor
    return kind(volume, affine=affine) if _BY_SOURCE else kind(tensor=volume, affine=affine)


def _apply(transform: Any, data: Any) -> Any:
    # Every transform, also a deterministic one, draws from PyTorch's global generator whether it is applied at all.
    with torch.random.fork_rng(devices=[]):
        return transform(data)


def _like(volume: Tensor, given: Tensor) -> Tensor:
    """The volume with as many axes as what was given."""
    return volume[..., 0] if given.ndim == 3 else volume


def _with_margin(image: Tensor) -> Tensor:
    """The image as a volume with one more voxel on each side, of the same value as its neighbour."""
    volume = image.unsqueeze(-1) if image.ndim == 3 else image
    return F.pad(volume[None], [1] * 6, mode="replicate")[0]
