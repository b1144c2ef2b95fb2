"""The noise augmentation of training, the rival of a quantised bottleneck; off by default."""

from dataclasses import dataclass

from robustq.dataset import Case
from robustq.draws.by_name import load_perturbations
from robustq.draws.random_numbers import uniform
from robustq.draws.seeds import draw_generator
from robustq.perturbation import AbstractPerturbation
from robustq.request.augment_noise import AugmentNoise

PROBABILITY = 0.5
"""Probability that a case is perturbed; the others stay clean."""


@dataclass(frozen=True)
class NoiseAugmentation:
    """Perturbs half of the training cases, each at a random level.

    Attributes:
        perturbation: the perturbation.
        lowest: lowest level, in percent.
        highest: highest level, in percent; all levels between the two are equally likely.
    """

    perturbation: AbstractPerturbation
    lowest: float
    highest: float

    @classmethod
    def parse(cls, text: str) -> "NoiseAugmentation":
        """The augmentation of a text such as `gaussian:0..30`.

        Raises:
            RequestError: as `AugmentNoise.parse`.
        """
        asked = AugmentNoise.parse(text)
        (perturbation,) = load_perturbations([asked.perturbation]).values()
        return cls(perturbation, asked.lowest, asked.highest)

    def __call__(self, case: Case, *, seed: int, epoch: int) -> Case:
        """The prepared case, perturbed or as it is: always the same for a seed, a case and an epoch.

        The noise is none of those that a run shows: runs draw theirs by the name of the perturbation.
        """
        generator = draw_generator(seed, case.entry.id, "noise augmentation", epoch)
        if float(uniform(generator)) >= PROBABILITY:
            return case
        level = float(uniform(generator, low=self.lowest, high=self.highest))
        return self.perturbation(case, level, generator)
