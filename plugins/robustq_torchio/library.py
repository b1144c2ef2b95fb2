"""Applies TorchIO's transforms to robustq's images and masks."""

from typing import Any

import torch
import torchio

from robustq.dataset import own_range
from robustq.draws.intensity import in_shares
from robustq.errors import RequestError
from robustq.shapes import Image, Masks


def explicit(name: str, **parameters: Any) -> Any:
    """TorchIO's deterministic transform of this name, with these parameters.

    In TorchIO up to 1.x, a random transform such as `RandomGhosting` draws parameters and gives them to a deterministic
    transform, `Ghosting`. From 2.0 on, there is only `Ghosting`, which draws its parameters itself.

    Raises:
        RequestError: the installed TorchIO is 2.0 or later and cannot be given parameters.
    """
    if not hasattr(torchio, f"Random{name}"):
        raise RequestError(
            f"TorchIO {torchio.__version__} draws the parameters of {name} itself, so a draw cannot be repeated at "
            "another level: install an earlier version with pip install 'torchio<2'"
        )
    return getattr(torchio, name)(**parameters)


def named(name: str) -> type[Any] | None:
    """TorchIO's random transform `RandomNAME`, which is called NAME from 2.0 on; None if it does not exist."""
    factory = getattr(torchio, f"Random{name}", None) or getattr(torchio, name, None)
    return factory if isinstance(factory, type) and issubclass(factory, torchio.Transform) else None


def random(name: str, **parameters: Any) -> Any:
    """TorchIO's random transform `RandomNAME` with these settings; it is called NAME from 2.0 on."""
    factory = named(name)
    assert factory is not None, "every TorchIO has the transforms that are used here"
    return factory(**parameters)


def transformed(image: Image, transform: Any) -> Image:
    """The image after one of TorchIO's transforms, which take only volumes and compute in float32."""
    volume = torchio.ScalarImage(tensor=_volume(image.detach().cpu().float()))
    return _run(transform, volume, image).to(image)


def moved_image(image: Image, transform: Any) -> Image:
    """The image after a spatial transform. Pixels from outside the image get the channel's minimum."""
    return in_shares(image, own_range(image), lambda shares: transformed(shares, transform))


def moved_masks(masks: Masks, transform: Any) -> Masks:
    """The masks after a spatial transform by the nearest neighbour. Pixels from outside are background."""
    if not len(masks):
        return masks
    volume = torchio.LabelMap(tensor=_volume(masks.cpu().to(torch.uint8)))
    return _run(transform, volume, masks).to(masks.device) > 0.5


def _volume(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor as a volume: an image (C, H, W) becomes one slice, (C, H, W, 1)."""
    return tensor.unsqueeze(-1) if tensor.ndim == 3 else tensor


def _run(transform: Any, volume: Any, like: torch.Tensor) -> torch.Tensor:
    # Every transform, also a deterministic one, draws from PyTorch's global generator whether it is applied at all.
    with torch.random.fork_rng(devices=[]):
        data: torch.Tensor = transform(torchio.Subject(image=volume))["image"].data
    return data[..., 0] if like.ndim == 3 else data
