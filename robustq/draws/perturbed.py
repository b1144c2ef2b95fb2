"""Perturbed draws of a case, the same wherever they are asked for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from robustq import registry
from robustq.attack import Aimed
from robustq.chain import Chain
from robustq.dataset import Case
from robustq.errors import RequestError
from robustq.intensity import bounds
from robustq.perturbation import AbstractPerturbation
from robustq.request.names import LINK, canonical_perturbation
from robustq.seeds import draw_generator, draw_seed


@dataclass(frozen=True)
class Perturber:
    """Makes the draws of a run.

    Attributes:
        perturbations: by the name that stands in the rows; attacks among them are aimed at one model.
        seed: of the run.
        noise_device: where noise is drawn.
        clip: bring perturbed values back into the intensity range.
    """

    perturbations: Mapping[str, AbstractPerturbation | Aimed]
    seed: int
    noise_device: str = "cpu"
    clip: bool = False

    def __call__(self, case: Case, perturbation: str, level: float, number: int) -> Case:
        """Draw `number` of a prepared case; its seed depends on these alone (definitions: draws and seeds).

        Raises:
            RequestError: the perturbation gives values that are not finite, which no model could answer.
        """
        generator = draw_generator(self.seed, case.entry.id, perturbation, number, device=self.noise_device)
        moved = self.perturbations[perturbation](case, level, generator)
        if not moved.image.isfinite().all():
            raise RequestError(
                f"{perturbation} at {level:g} % gives case {case.entry.id} values that are not finite, which are no "
                "image: mend the perturbation, or leave it out"
            )
        return clip(moved) if self.clip else moved

    def seed_of(self, case: Case, perturbation: str, number: int) -> int:
        """The seed of that draw's generator."""
        return draw_seed(self.seed, case.entry.id, perturbation, number)

    def parameters(self, case: Case, perturbation: str, level: float) -> str:
        """What the level resolves to for this case, JSON."""
        return json.dumps(self.perturbations[perturbation].parameters(level, case.intensity_range))


def clip(case: Case) -> Case:
    """The case with its image brought back into its intensity range, channel by channel."""
    return replace(case, image=case.image.clamp(*bounds(case.image, case.intensity_range)))


def load_perturbations(names: Sequence[str], compat: str | None = None) -> dict[str, AbstractPerturbation]:
    """The perturbations of these names, aliases or chains of them, by the name that stands in the rows.

    Raises:
        RequestError: one is unknown, or does not exist in these formulas.
    """
    found = dict.fromkeys(map(canonical_perturbation, names))
    return {name if compat is None else f"{compat}:{name}": _load(name, compat) for name in found}


def _load(name: str, compat: str | None) -> AbstractPerturbation:
    members = [(part, registry.load("perturbations", part, compat=compat)()) for part in name.split(LINK)]
    return Chain(tuple(members)) if len(members) > 1 else members[0][1]
