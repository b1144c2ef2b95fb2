"""The perturbation `spike`: one wrong value in k-space."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import in_shares
from robustq.draws.random_numbers import uniform
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_torchio.library import explicit, transformed


@dataclass(frozen=True)
class Spike(AbstractPerturbation):
    """Add stripes over the whole image, as one wrong value of an MR scan does (herringbone artefact).

    At level L, the amplitude of the stripes is L % of the intensity range. The result is x + s·h·cos(ω·r) at position
    r, where s is level / 100 and h the width of the intensity range. A draw chooses ω, the place of the spike in
    k-space. By TorchIO.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image x + s·h·cos(ω·r)."""
        place = uniform(generator, 1, 3).numpy()
        # TorchIO's spike is as high as the largest value of k-space: on an image of ones the stripes have amplitude 1.
        ones = torch.ones_like(image[:1], dtype=torch.float64)
        stripes = transformed(ones, explicit("Spike", spikes_positions=place, intensity=1.0)) - 1
        return in_shares(image, intensity_range, lambda shares: shares + level / 100 * stripes)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`amplitude` of the stripes, s, as a share of the intensity range."""
        return {"amplitude": level / 100}
