"""The perturbation `poisson`: the noise of counted photons."""

from dataclasses import dataclass

import torch

from robustq.draws.intensity import low_and_span, per_channel, working_dtype
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Image, IntensityRange
from robustq_noise.photons import poisson_quantile

_MOST = 2.0**50
"""Values with a larger rate are returned unchanged: their noise is smaller than the rounding of float64."""


@dataclass(frozen=True)
class PoissonNoise(AbstractPerturbation):
    """Add the noise of counted photons, which grows with the square root of the signal.

    At level L, the standard deviation of the noise is L % of the intensity range for values at its upper end. The
    result is Poisson(u·k)/k + low with k = 1/(s²·h) and u = max(x - low, 0), where s is level / 100, and low and h are
    the lower end and the width of the intensity range.

    The mean is kept. The standard deviation is s·h at full scale and falls with the square root of u. Values below low
    keep their distance to low. A constant image (h = 0) is not changed.
    """

    def apply(self, image: Image, level: float, intensity_range: IntensityRange, generator: torch.Generator) -> Image:
        """The image Poisson(u·k)/k + low + min(x - low, 0)."""
        low, span = low_and_span(image.double(), intensity_range)
        above = image.double() - low
        grain = (level / 100) ** 2 * span  # 1/k, the intensity of one photon
        rate = torch.where(grain > 0, above.clamp_min(0) / grain, 0).nan_to_num(0.0)
        # By inversion, one uniform number gives the same draw at every level; a Poisson generator would use up its
        # random numbers differently at every rate.
        uniform = torch.rand(image.shape, generator=generator, device=generator.device, dtype=torch.float64)
        counted = poisson_quantile(uniform.cpu().numpy(), rate.clamp_max(_MOST).cpu().numpy())
        counts = torch.from_numpy(counted).to(image.device)
        noisy = torch.where((grain > 0) & (rate < _MOST), counts * grain, above.clamp_min(0))
        return (noisy + low + above.clamp_max(0)).to(working_dtype(image)).to(image.dtype)

    def parameters(self, level: float, intensity_range: IntensityRange) -> dict[str, float | list[float]]:
        """`photons` at full scale, h·k = 1/s²; `grain`, 1/k: the intensity of one photon, in the image's unit."""
        share = (level / 100) ** 2
        return {"photons": 1 / share, "grain": per_channel(share * intensity_range.diff(dim=1).squeeze(1))}
