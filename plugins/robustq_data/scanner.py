"""The phantom's two scanners, which image the same anatomy differently."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter


@dataclass(frozen=True)
class Scanner:
    """How a simulated scanner images tissues.

    Attributes:
        intensity: intensity of each tissue, including air, on a scale where the brightest is about 1.
        gamma: exponent of the contrast curve, intensity^gamma.
        bias: largest relative change of the smooth field that multiplies the image.
        blur: standard deviation of the point spread, in voxels of a 128-voxel field of view.
        noise: standard deviation of the Rician noise.
        scale: factor from intensities to stored values.
    """

    intensity: dict[str, float]
    gamma: float
    bias: float
    blur: float
    noise: float
    scale: float

    def image(
        self, tissues: dict[str, Float[np.ndarray, "*s"]], points: Sequence[np.ndarray], generator: np.random.Generator
    ) -> Float[np.ndarray, "*s"]:
        """The image that the scanner stores of an anatomy, in the scanner's own unit."""
        extent = tissues["body"].shape[0]
        image = np.full(tissues["body"].shape, self.intensity["air"])
        for tissue, inside in tissues.items():
            image[inside > 0] = self.intensity[tissue]
        # Vessels and muscle are not uniform.
        coarse = gaussian_filter(generator.standard_normal(image.shape), 2.0 * extent / 128)
        texture = coarse / coarse.std()
        image = image * (1 + 0.05 * np.where(tissues["body"] > 0, texture, 0))
        image = gaussian_filter(image**self.gamma, self.blur * extent / 128)
        direction = generator.uniform(-1, 1, len(points) + 1)
        field = (
            sum(weight * axis for weight, axis in zip(direction, points, strict=False))
            + 0.5 * direction[-1] * points[0] ** 2
        )
        image = image * np.exp(self.bias * field)
        noise = self.noise * generator.standard_normal((2, *image.shape))
        result: np.ndarray = self.scale * np.hypot(image + noise[0], noise[1])
        return result


SCANNERS = {
    "A": Scanner(
        intensity={
            "air": 0.02, "body": 0.75, "muscle": 0.55, "left lung": 0.16, "right lung": 0.16, "heart": 0.68, "bone": 0.9
        },
        gamma=1.0, bias=0.15, blur=0.6, noise=0.02, scale=1000.0,
    ),
    "B": Scanner(
        intensity={
            "air": 0.02, "body": 0.95, "muscle": 0.42, "left lung": 0.22, "right lung": 0.22, "heart": 0.5, "bone": 0.75
        },
        gamma=1.25, bias=0.45, blur=1.2, noise=0.05, scale=400.0,
    ),
}  # fmt: skip
"""A is sharp and even; B has less contrast between heart and muscle, a stronger bias field, more blur and noise."""
