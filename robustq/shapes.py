"""The letters that name the axes in every shape of robustq.

b images of a batch · c image channels, or output channels of a network · *s two or three spatial axes of an
image · d channels of an embedding · *t two or three spatial axes of an embedding · q stages of a quantiser ·
k vectors of a codebook · l labels (foreground classes) · n tokens or points, one in each row
"""

from collections.abc import Iterable
from typing import Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor

Unit = Literal["mm", "px"]
"""Unit of a spacing: mm where the file has a real spacing, else px, which counts voxels."""

Image = Float[Tensor, "c *s"]
Images = Float[Tensor, "b c *s"]
IntensityRange = Float[Tensor, "c 2"]
"""(low, high) of each channel, in the image's own unit."""

Masks = Bool[Tensor, "l *s"]
BatchMasks = Bool[Tensor, "b l *s"]

Embedding = Float[Tensor, "b d *t"]
Codes = Int[Tensor, "b q *t"]
Codebooks = Float[Tensor, "q k d"]


def by(extents: Iterable[float], between: str = " × ") -> str:
    """The extents as text for a reader, such as `128 × 96 × 3`."""
    return between.join(str(extent) if isinstance(extent, int) else f"{extent:g}" for extent in extents)
