"""White noise from the draw's own generator."""

import torch

from robustq.draws.intensity import working_dtype
from robustq.shapes import Image


def standard_normal(image: Image, generator: torch.Generator) -> Image:
    """White noise of the image's shape, in the working dtype, drawn where the generator is and moved to the image."""
    noise = torch.randn(image.shape, generator=generator, device=generator.device, dtype=working_dtype(image))
    return noise.to(image.device)
