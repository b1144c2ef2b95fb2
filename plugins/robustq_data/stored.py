"""The content of one image file."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Integer, Shaped
from torch import Tensor

from robustq.data.grid import Grid
from robustq.dataset import Unit
from robustq.errors import CaseError


@dataclass(frozen=True)
class Stored:
    """The content of a file.

    Attributes:
        values: values in the stored type, (C, *S).
        spacing: extent of a voxel along each axis of S.
        unit: "mm" if the file has a real spacing, else "px".
        grid: where the voxels lie; None for a format without such a header, such as PNG and NPZ.
        turned: whether the picture was turned as its EXIF orientation asks.
        guess: what had to be guessed about the file, as a text for `Notes`; "" for nothing.
    """

    values: Shaped[np.ndarray, "c *s"]
    spacing: tuple[float, ...]
    unit: Unit
    grid: Grid | None = None
    turned: bool = False
    guess: str = ""

    @property
    def image(self) -> Float[Tensor, "c *s"]:
        """The values as float32, or as float64 if float32 would lose digits.

        Raises:
            CaseError: some values are not finite.
        """
        with np.errstate(invalid="ignore"):  # a signalling NaN of a damaged file
            values = self.values.astype(np.float64)
        if not np.isfinite(values).all():
            raise CaseError("the image holds NaN or infinite values: mend or leave out the case")
        with np.errstate(over="ignore"):
            narrow = values.astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(narrow if np.array_equal(narrow, values) else values))

    @property
    def mask(self) -> Integer[Tensor, "*s"]:
        """The values as the integers of a mask.

        Raises:
            CaseError: values are fractional, not finite or too large, or channels differ.
        """
        values = self.values[0]
        if any(not np.array_equal(values, channel) for channel in self.values[1:]):
            raise CaseError("the mask has several channels that differ: store one integer a pixel")
        with np.errstate(invalid="ignore"):  # a signalling NaN of a damaged file
            wide = values.astype(np.float64)
        if not np.array_equal(np.rint(wide), wide) or np.abs(wide).max() >= 2**31:
            raise CaseError("the mask has values that are not whole numbers: store one integer a pixel")
        return torch.from_numpy(np.ascontiguousarray(wide.astype(np.int32)))

    @property
    def stored_range(self) -> tuple[float, float] | None:
        """The range of an 8-bit or boolean type; None for wider types.

        The range of a 16-bit type says nothing about the image: an MRI stored as int16 with values up to 800 would get
        noise of standard deviation 6553 at level 10. Such images use their own minimum and maximum, unless a window is
        declared.
        """
        return {np.dtype(np.uint8): (0.0, 255.0), np.dtype(np.bool_): (0.0, 1.0)}.get(self.values.dtype)
