"""Turns prepared images into what a network gets: a grey channel is repeated, and channels are standardised."""

import torch
from jaxtyping import Float
from torch import Tensor

from robustq.data.normalise import IMAGENET
from robustq.data.preparation import RGB, Preparation
from robustq.shapes import Images


def network_input(images: Images, preparation: Preparation) -> Float[Tensor, "b k *s"]:
    """What a network gets for prepared images (B, C, *S): images (B, K, *S) with the channels that it takes.

    It is made of images that are already perturbed. So a grey image has one noise, which an RGB network sees in all
    three channels, and an attack changes the grey image.
    """
    if preparation.grey_to_rgb:
        images = images.expand(-1, RGB, *images.shape[2:])
    mean_std = IMAGENET if preparation.normalise == "imagenet" else preparation.mean_std
    if mean_std is None:
        return images
    shape = (2, -1, *[1] * (images.ndim - 2))
    mean, deviation = torch.tensor(mean_std, dtype=images.dtype, device=images.device).view(shape).unbind()
    return (images - mean) / deviation
