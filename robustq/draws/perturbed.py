"""Perturbed draws of a case; a draw is the same wherever it is made."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from robustq.attack import Aimed
from robustq.dataset import Case
from robustq.draws.draw_settings import DrawSettings
from robustq.draws.intensity import bounds
from robustq.draws.seeds import draw_generator, draw_seed
from robustq.errors import RequestError
from robustq.perturbation import AbstractPerturbation
from robustq.shapes import Masks


@dataclass(frozen=True)
class Perturber:
    """Makes the draws of a run.

    Attributes:
        perturbations: perturbations by the name that stands in the rows; each attack is aimed at one model.
        settings: settings of all draws.
    """

    perturbations: Mapping[str, AbstractPerturbation | Aimed]
    settings: DrawSettings

    def __call__(self, case: Case, perturbation: str, level: float, number: int) -> Case:
        """Draw `number` of a prepared case.

        Its seed depends only on the run's seed, the case, the perturbation and the number (docs/definitions.md, Draws
        and seeds).

        Raises:
            RequestError: the perturbation gives values that are not finite.
        """
        generator = self._generator(case, perturbation, number)
        moved = self.perturbations[perturbation](case, level, generator)
        if not moved.image.isfinite().all():
            raise RequestError(
                f"{perturbation} at {level:g} % gives case {case.entry.id} values that are not finite: correct "
                "the perturbation, or leave it out"
            )
        return clip(moved) if self.settings.clip else moved

    def moved(self, masks: Masks, case: Case, perturbation: str, level: float, number: int) -> Masks:
        """Masks on the grid of a prepared case, such as an answer, moved as draw `number` moves the case's own mask.

        The masks themselves, where the perturbation moves none.
        """
        mover = self.perturbations[perturbation]
        if isinstance(mover, Aimed) or not mover.moves_truth or level == 0:
            return masks
        return mover.move(masks, level, self._generator(case, perturbation, number))

    def _generator(self, case: Case, perturbation: str, number: int) -> torch.Generator:
        settings = self.settings
        return draw_generator(settings.seed, case.entry.id, perturbation, number, device=settings.noise_device)

    def seed_of(self, case: Case, perturbation: str, number: int) -> int:
        """The seed of that draw's generator."""
        return draw_seed(self.settings.seed, case.entry.id, perturbation, number)

    def parameters(self, case: Case, perturbation: str, level: float) -> str:
        """What the level resolves to for this case, as JSON."""
        return json.dumps(self.perturbations[perturbation].parameters(level, case.intensity_range))


def clip(case: Case) -> Case:
    """The case with its image brought back into its intensity range, channel by channel."""
    return replace(case, image=case.image.clamp(*bounds(case.image, case.intensity_range)))
