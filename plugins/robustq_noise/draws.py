"""Draws white noise from a draw's own generator."""

import torch

from robustq.draws.intensity import working_dtype
from robustq.shapes import Image


def standard_normal(image: Image, generator: torch.Generator) -> Image:
    """White noise of the image's shape in the working dtype, drawn on the generator's device, moved to the image's."""
    noise = torch.randn(image.shape, generator=generator, device=generator.device, dtype=working_dtype(image))
    return noise.to(image.device)
