"""The settings that all draws of a run share."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DrawSettings:
    """How the draws of a run are made.

    Attributes:
        seed: seed of the run; the seed of every draw follows from it.
        noise_device: device that draws the noise; the same seed gives different noise on "cpu" and "cuda".
        clip: whether perturbed values are brought back into the intensity range.
    """

    seed: int
    noise_device: str = "cpu"
    clip: bool = False
