"""How many draws a run makes of noise and of attacks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from robustq.attack import AbstractAttack
from robustq.perturbation import AbstractPerturbation
from robustq.request.draws import AUTO, FIRST, Draws
from robustq.results.directory import RunDirectory

NOISE = 10
"""Default number of draws of a perturbation."""

ATTACK = 1
"""Default number of draws of an attack, because another random start changes figures little and costs many passes."""


@dataclass(frozen=True)
class DrawCounts:
    """How many draws a run makes at each level.

    Attributes:
        asked: the number as it stands in the request file; `AUTO` where the run chooses it in two stages.
        noise: the number of each perturbation.
        attacks: the number of each attack; an attack without randomness has one draw.
    """

    asked: Draws
    noise: Mapping[str, Draws]
    attacks: Mapping[str, Draws]

    @property
    def first_stage(self) -> dict[str, int]:
        """For each perturbation and attack, the number that is made before any is chosen."""
        return {name: FIRST if number == AUTO else number for name, number in {**self.noise, **self.attacks}.items()}

    @property
    def chosen_later(self) -> list[str]:
        """The perturbations and attacks whose number is chosen after the first stage."""
        return [name for name, number in {**self.noise, **self.attacks}.items() if number == AUTO]


def draw_counts(
    asked: Draws | None,
    perturbations: Iterable[str],
    attacks: Mapping[str, AbstractAttack],
    begun: Mapping[str, Any],
) -> DrawCounts:
    """The number of draws of each perturbation and attack.

    Args:
        asked: the number that the user asked for, or `AUTO`; None for the defaults.
        perturbations: names of the perturbations.
        attacks: attacks by name.
        begun: as `begun_request` gives it. Earlier versions took as many draws of an attack as of noise, and a run that
            one of them began keeps its numbers.
    """
    names = list(perturbations)

    def counts(noise: Draws, of_attack: Draws) -> DrawCounts:
        of_attacks = {name: of_attack if attack.random else 1 for name, attack in attacks.items()}
        return DrawCounts(noise, dict.fromkeys(names, noise), of_attacks)

    if asked is not None:
        return counts(asked, asked)
    earlier = counts(NOISE, NOISE)
    if (begun.get("draws"), begun.get("attacks", {})) == (earlier.asked, earlier.attacks):
        return earlier
    return counts(NOISE if names else ATTACK, ATTACK)


def search_draws(
    asked: int | None, perturbation: AbstractPerturbation | AbstractAttack, begun: Mapping[str, Any]
) -> int:
    """The number of draws at each level of a search; arguments as in `draw_counts`."""
    if not isinstance(perturbation, AbstractAttack):
        return NOISE if asked is None else asked
    if not perturbation.random:
        return 1
    return (NOISE if begun.get("draws") == NOISE else ATTACK) if asked is None else asked


def begun_request(directory: RunDirectory) -> dict[str, Any]:
    """What the run that began in a directory was asked; empty where none began."""
    asked: dict[str, Any] = directory.read()["asked"] if directory.exists else {}
    return asked
