"""TorchIO's transforms on our images."""

from typing import Any

import torch
import torchio

from robustq.dataset import own_range
from robustq.draws.intensity import in_shares
from robustq.errors import RequestError
from robustq.shapes import Image, Masks


def explicit(name: str, **parameters: Any) -> Any:
    """TorchIO's deterministic transform of this name, with these parameters.

    Up to 1.x every random transform, `RandomGhosting`, draws parameters and hands them to a deterministic one,
    `Ghosting`. From 2.0 on there is one class under the second name, which draws for itself.

    Raises:
        RequestError: this TorchIO cannot be told what to do.
    """
    if not hasattr(torchio, f"Random{name}"):
        raise RequestError(
            f"TorchIO {torchio.__version__} draws the parameters of {name} itself, so its draws cannot be repeated at "
            "another level: pip install 'torchio<2'"
        )
    return getattr(torchio, name)(**parameters)


def named(name: str) -> type[Any] | None:
    """TorchIO's random transform `RandomNAME`, which from 2.0 on is called NAME; None if there is none."""
    found = getattr(torchio, f"Random{name}", None) or getattr(torchio, name, None)
    return found if isinstance(found, type) and issubclass(found, torchio.Transform) else None


def random(name: str, **parameters: Any) -> Any:
    """TorchIO's random transform `RandomNAME`, from 2.0 on NAME, with these settings."""
    factory = named(name)
    assert factory is not None, "asked only of a transform that every TorchIO has"
    return factory(**parameters)


def transformed(image: Image, transform: Any) -> Image:
    """An image through one of TorchIO's transforms, which know volumes only and compute in float32."""
    volume = torchio.ScalarImage(tensor=_volume(image.detach().cpu().float()))
    return _run(transform, volume, image).to(image)


def moved_image(image: Image, transform: Any) -> Image:
    """An image through a spatial transform; what comes in from outside is each channel's minimum."""
    return in_shares(image, own_range(image), lambda shares: transformed(shares, transform))


def moved_masks(masks: Masks, transform: Any) -> Masks:
    """Masks through a spatial transform by the nearest neighbour; what comes in from outside is background."""
    if not len(masks):
        return masks
    volume = torchio.LabelMap(tensor=_volume(masks.cpu().to(torch.uint8)))
    return _run(transform, volume, masks).to(masks.device) > 0.5


def _volume(tensor: torch.Tensor) -> torch.Tensor:
    """(C, H, W) becomes one slice, (C, H, W, 1)."""
    return tensor.unsqueeze(-1) if tensor.ndim == 3 else tensor


def _run(transform: Any, volume: Any, like: torch.Tensor) -> torch.Tensor:
    # Deterministic or not, every transform asks PyTorch's global generator whether to be applied at all.
    with torch.random.fork_rng(devices=[]):
        data: torch.Tensor = transform(torchio.Subject(image=volume))["image"].data
    return data[..., 0] if like.ndim == 3 else data
